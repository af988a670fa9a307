// Package acceptance takes a pipeline through its life with Terraform on whatever account the environment leads to:
// real AWS for `make testacc`, a local AWS for `make test`. It asks only what holds on both; what needs to look into
// the account or to break it is tested in provider/pipeline, on a local AWS.
package acceptance
