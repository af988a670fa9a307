// Package bench measures what a person waits for: Terraform with the built provider against a local AWS,
// in requests and in seconds. It has no code of its own; `make bench` runs it, and the README quotes it.
// A test keeps the number of requests from growing.
package bench
