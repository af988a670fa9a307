package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/spec"

// Env is what a build needs to know besides the description: where the pipeline
// is, who owns it, and the code of its functions.
type Env struct {
	AccountID string
	Region    string
	Partition string // "aws", "aws-cn", "aws-us-gov", …
	// Owner is the owner token. It may be empty while a create is planned.
	Owner string
	// Tags are all tags of the pipeline's objects: its own and the provider's default_tags, without the owner token.
	Tags map[string]string
	// MQTTEndpoint is the host name devices connect to; it is in their credentials bundles.
	MQTTEndpoint string
	// DataEndpoint is what the functions alerts and api publish commands through: a host name, or a URL for emulators.
	DataEndpoint string
	// CredentialsStore is where the bundles of an existing pipeline's devices are; empty for a new pipeline.
	CredentialsStore string
	// Roster are the devices of the file that Spec.DevicesFrom names; it counts with DevicesFrom only.
	Roster map[string]spec.Device
	// Code gives the code of the shipped functions for "arm64" or "x86_64"; the handler says which one it is.
	// The sum is the base64 of SHA-256, as Lambda reports it; zip is called only when the code must be sent.
	Code func(architecture string) (sum string, zip func() ([]byte, error), err error)
	// Package gives a function from the user's own zip at path, in the same terms. The error may be a *KeepError.
	Package func(function, path string) (sum string, zip func() ([]byte, error), err error)
	// Artifact gives the zip of iot-edge for "arm64" or "x86_64" at path; the sum is its SHA-256. The error may be a
	// *ProblemError or a *KeepError.
	Artifact func(architecture, path string) (sum []byte, zip func() ([]byte, error), err error)
	// Descriptor gives the description of a Protobuf message from the file at path, as lambda/telemetry reads it. The
	// error may be a *ProblemError or a *KeepError.
	Descriptor func(path, message string) (string, error)
}

// KeepError says why a file of the user's was not read. What a function has from it stays as it is.
type KeepError struct{ Err error }

func (e *KeepError) Error() string { return e.Err.Error() }
func (e *KeepError) Unwrap() error { return e.Err }
