// Package failures holds tests alone: each of the likely failures, as somebody meets it who uses the provider. The
// tests call the provider as Terraform does, on a local AWS that fails as AWS does, and compare the whole diagnostic
// with a golden file. The guide "Errors" explains each of them.
package failures
