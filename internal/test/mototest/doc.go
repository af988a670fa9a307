// Package mototest is the local AWS of this repository's tests: [localaws] with what arrived in it, and failures on
// demand.
//
// It knows AWS client configuration and nothing of pipelines, drivers or Terraform. Tests call [Start]; programs such
// as the demo call [Run].
package mototest
