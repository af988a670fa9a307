package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"

// processor is the function that reads the stream and stores telemetry.
func processor() capability {
	return capability{arguments: attributes{
		"processor": object("Lambda function that reads the stream or the queue, and how they invoke it.", attributes{
			"batch_size": number("Maximum number of records per invocation.", pipeline.ProcessorBatchSize),
			"max_concurrency": number("Number of batches of a queue that are processed at the same time; with "+
				"`stream.mode = \"queue\"` only.", pipeline.ProcessorMaxConcurrency),
			"batch_window_seconds": number("Seconds to wait for a full batch.",
				pipeline.ProcessorBatchWindowSeconds),
			"parallelization_factor": number("Number of batches of a shard that are processed at the same time. The "+
				"records of each device stay in order. Not with a queue.", pipeline.ProcessorParallelizationFactor),
			"memory_mb":       number("Memory of the function in MB.", pipeline.ProcessorMemoryMB),
			"timeout_seconds": number("Seconds that an invocation may take.", pipeline.ProcessorTimeoutSeconds),
			"max_retries": number("Number of retries of a failed batch; `-1` retries until its records expire. A "+
				"batch that still fails goes to the dead letters in S3. Of a queue, each message that still fails "+
				"goes to the dead-letter queue; at most `999`.", pipeline.ProcessorMaxRetries),
			"max_record_age_seconds": number("Age in seconds at which a record is no longer retried; `-1` sets no "+
				"limit. Not with a queue.",
				pipeline.ProcessorMaxRecordAgeSeconds),
			"package": optional("Path of a zip file that replaces the shipped function. It is read during the " +
				"plan. If it is no longer there, the function keeps its code."),
		}),
	}}
}
