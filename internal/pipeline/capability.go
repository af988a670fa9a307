package pipeline

import (
	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// capability is one thing that a pipeline can do, such as archiving. Everything about it is in the file named after it:
// its arguments, their limits and defaults, its checks, parts, topic rules, Lambda function and computed attributes.
// Every field is optional.
type capability struct {
	// defaults sets the arguments that are not written. It may replace what the pointers of s point to, but must not
	// write through them: they are the caller's.
	defaults func(s *Spec)
	// check reports what is wrong with the arguments.
	check func(c *checker, s Spec)
	// parts returns the AWS objects, without those of rules and function.
	parts func(b *builder) []assembly.Part
	// rules returns the topic rules that the pipeline has of this capability.
	rules func(b *builder) []ownRule
	// function is the Lambda function that does the work.
	function *function
	// resources returns the ARNs of what functions may need, under the names of lambda/needs.
	resources func(b *builder) map[needs.Resource]string
	// outputs sets the computed attributes. recorded holds the parts that exist.
	outputs func(b *builder, recorded assembly.Upstream, out *Outputs)
	// shapes are the arguments that a plan must know to predict parts and computed attributes. A test varies every
	// argument and compares.
	shapes []shape
}

// capabilities lists all of them. Their order is the order of diagnostics, and the order of the topics in the device
// policy.
func capabilities() []capability {
	return []capability{
		general(),
		devices(),
		provisioning(),
		credentials(),
		stream(),
		processor(),
		telemetry(),
		timestream(),
		influxDB(),
		deviceState(),
		recent(),
		metrics(),
		deadLetters(),
		alerts(),
		monitoring(),
		api(),
		edge(),
		greengrass(),
		archive(),
		routes(),
		functions(),
	}
}
