package pipeline

import (
	"errors"
	"fmt"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Manifest is a pipeline's manifest with all of its arguments except the devices.
type Manifest = contract.Manifest[Spec]

// manifest is the part that all others need, written from what they are.
func (b *builder) manifest(parts []assembly.Part) (assembly.Part, error) {
	listed := make(map[string]contract.ManifestPart, len(parts))
	for _, p := range parts {
		listed[p.Key] = contract.ManifestPart{Kind: p.Kind, Name: p.Name, ARN: p.ARN}
	}
	written := b.written
	written.Devices = nil
	text, err := contract.FormatManifest(Manifest{
		Version: contract.ManifestVersion, ID: b.env.Owner, Name: written.Name, Region: b.env.Region,
		TopicPrefix: b.prefix(), CredentialsStore: b.storeKind(), Spec: written, Parts: listed,
	})
	if err != nil {
		return assembly.Part{}, err
	}
	name := b.names.manifest()
	return assembly.Part{Key: KeyManifest, Kind: spec.KindParameter, Name: name, ARN: b.arn.parameter(name),
		Want: func(assembly.Upstream) (any, error) {
			return spec.Parameter{Value: text, Tags: b.env.Tags,
				Description: "Pipeline " + written.Name +
					": what it consists of. Written by its iot_pipeline; do not edit."}, nil
		}}, nil
}

// ParseManifest reads the value of a manifest parameter. It refuses one of another version, or without name and owner.
func ParseManifest(text []byte) (Manifest, error) {
	m, err := contract.ParseManifest[Spec](text)
	switch {
	case err != nil:
		return Manifest{}, err
	case m.Version != contract.ManifestVersion:
		return Manifest{}, fmt.Errorf("reading manifest: it has version %d, and this provider knows version %d",
			m.Version, contract.ManifestVersion)
	case m.ID == "" || m.Name == "" || m.Spec.Name != m.Name:
		return Manifest{}, errors.New("reading manifest: it does not name its pipeline and owner")
	}
	return m, nil
}
