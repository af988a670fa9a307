// Package terraform holds the proof, through Terraform itself, that a pipeline survives what
// happens to the process, the network and the account: tests that kill the provider, interrupt
// Terraform, let requests fail and race applies. It has no code of its own; what the engine
// and the drivers do under faults is proven faster in internal/test/faultsweep.
package terraform
