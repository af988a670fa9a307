// Package local runs a deployed pipeline on one machine: it finds the pipeline's parts through the AWS APIs of any
// endpoint and wires broker, rules, streams, shadows and functions together. Tests use it as programs do: [Start],
// then [Runtime].
//
// It runs the deployed rules, topics and functions as they are. It must not know Terraform.
package local
