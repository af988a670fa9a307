// Package faultsweep holds the proof that no failure of AWS, the network or the
// machine leaves a pipeline orphaned, duplicated or stuck: tests that run a
// whole pipeline on the real engine and drivers against a local AWS and make
// requests fail one by one. It has no code of its own; docs/testing.md has the numbers.
package faultsweep
