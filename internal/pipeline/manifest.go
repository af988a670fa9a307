package pipeline

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Bounds of a manifest's text in bytes: SSM's standard tier is free and holds
// plainManifest, its advanced tier holds maxManifest.
const (
	plainManifest = 4 << 10
	maxManifest   = 8 << 10
	// maxUnpacked bounds what a packed manifest may unfold to.
	maxUnpacked = 1 << 20

	manifestVersion = 1
)

// Manifest is a pipeline's own entry in Parameter Store: who owns the pipeline
// and what it consists of. It is enough to import a pipeline whose Terraform
// state is lost, and to find everything that belongs to it.
type Manifest struct {
	Version     int                     `json:"version"`
	ID          string                  `json:"id"` // owner token
	Name        string                  `json:"name"`
	Region      string                  `json:"region"`
	TopicPrefix string                  `json:"topic_prefix"`
	Spec        Spec                    `json:"spec"` // without devices: the IoT registry is their record
	Parts       map[string]ManifestPart `json:"parts"`
}

// ManifestPart names one object of a pipeline; ARN is empty where AWS decides it.
type ManifestPart struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	ARN  string `json:"arn,omitempty"`
}

// envelope is a manifest as it is stored. A large one keeps spec and parts
// packed: base64 of gzip of their JSON. Parts have long ARNs with much in
// common, so that packing makes them about a sixth.
type envelope struct {
	Version     int                     `json:"version"`
	ID          string                  `json:"id"`
	Name        string                  `json:"name"`
	Region      string                  `json:"region"`
	TopicPrefix string                  `json:"topic_prefix"`
	Spec        *Spec                   `json:"spec,omitempty"`
	Parts       map[string]ManifestPart `json:"parts,omitempty"`
	Packed      []byte                  `json:"packed,omitempty"`
}

type packed struct {
	Spec  Spec                    `json:"spec"`
	Parts map[string]ManifestPart `json:"parts"`
}

// manifest is the part that all others need, written from what they are.
func (b *builder) manifest(parts []assembly.Part) (assembly.Part, error) {
	listed := make(map[string]ManifestPart, len(parts))
	for _, p := range parts {
		listed[p.Key] = ManifestPart{Kind: p.Kind, Name: p.Name, ARN: p.ARN}
	}
	written := b.written
	written.Devices = nil
	text, err := formatManifest(
		Manifest{Version: manifestVersion, ID: b.env.Owner, Name: written.Name, Region: b.env.Region,
			TopicPrefix: b.prefix(), Spec: written, Parts: listed},
	)
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

func formatManifest(m Manifest) (string, error) {
	e := envelope{
		Version:     m.Version,
		ID:          m.ID,
		Name:        m.Name,
		Region:      m.Region,
		TopicPrefix: m.TopicPrefix,
		Spec:        &m.Spec,
		Parts:       m.Parts,
	}
	text := encode(e)
	if len(text) <= plainManifest {
		return text, nil
	}
	e.Spec, e.Parts, e.Packed = nil, nil, pack(encode(packed{m.Spec, m.Parts}))
	text = encode(e)
	if len(text) > maxManifest {
		return "", fmt.Errorf(
			"the manifest takes %d bytes and Parameter Store holds %d: use fewer or shorter routes, alert rules and "+
				"subscriptions, or split the pipeline",
			len(text),
			maxManifest,
		)
	}
	return text, nil
}

// ParseManifest reads the value of a manifest parameter.
func ParseManifest(text []byte) (Manifest, error) {
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return Manifest{}, fmt.Errorf("reading manifest: %w", err)
	}
	if e.Version != manifestVersion {
		return Manifest{}, fmt.Errorf(
			"reading manifest: it has version %d, and this provider knows version %d",
			e.Version,
			manifestVersion,
		)
	}
	content := packed{Spec: deref(e.Spec), Parts: e.Parts}
	if e.Packed != nil {
		if err := unpack(e.Packed, &content); err != nil {
			return Manifest{}, fmt.Errorf("reading manifest of pipeline %q: %w", e.Name, err)
		}
	}
	if e.ID == "" || e.Name == "" || content.Spec.Name != e.Name {
		return Manifest{}, errors.New("reading manifest: it does not name its pipeline and owner")
	}
	return Manifest{Version: e.Version, ID: e.ID, Name: e.Name, Region: e.Region, TopicPrefix: e.TopicPrefix,
		Spec: content.Spec, Parts: content.Parts}, nil
}

func pack(text string) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic("pipeline: writing to memory: " + err.Error())
	}
	return b.Bytes()
}

func unpack(b []byte, into *packed) error {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxUnpacked))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
