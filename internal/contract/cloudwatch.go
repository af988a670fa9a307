package contract

// MetricsNamespace is the CloudWatch namespace of what the functions emit.
const MetricsNamespace = "IoTPipeline"

// RetriedMetric counts the records that the processor handed back to the stream.
const RetriedMetric = "Retried"
