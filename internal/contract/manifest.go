package contract

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
)

// Bounds of a manifest's text in bytes: the standard tier of SSM is free and holds PlainManifest, its advanced tier
// holds MaxManifest.
const (
	PlainManifest = 4 << 10
	MaxManifest   = 8 << 10
)

// ManifestVersion is the version of manifests that this package writes.
const ManifestVersion = 1

// maxUnpacked is the largest size in bytes of a packed manifest's content.
const maxUnpacked = 1 << 20

// Manifest is a pipeline's own entry in Parameter Store: who owns the pipeline and what it consists of. It is enough to
// import a pipeline whose Terraform state is lost, and to find everything that belongs to it. S is what the reader
// needs of the arguments: the provider reads all of them.
type Manifest[S any] struct {
	Version     int    `json:"version"`
	ID          string `json:"id"` // owner token
	Name        string `json:"name"`
	Region      string `json:"region"`
	TopicPrefix string `json:"topic_prefix"`
	// CredentialsStore is where the devices' bundles are, which the arguments need not say.
	CredentialsStore string                  `json:"credentials_store,omitempty"`
	Spec             S                       `json:"spec"` // without devices, which the IoT registry holds
	Parts            map[string]ManifestPart `json:"parts"`
}

// ManifestPart names one object of a pipeline; ARN is empty where AWS decides it.
type ManifestPart struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	ARN  string `json:"arn,omitempty"`
}

// envelope is a manifest as it is stored. A large one keeps spec and parts packed: base64 of gzip of their JSON. Parts
// have long ARNs with much in common, so packing reduces them to about a sixth.
type envelope[S any] struct {
	Version     int                     `json:"version"`
	ID          string                  `json:"id"`
	Name        string                  `json:"name"`
	Region      string                  `json:"region"`
	TopicPrefix string                  `json:"topic_prefix"`
	Store       string                  `json:"credentials_store,omitempty"`
	Spec        *S                      `json:"spec,omitempty"`
	Parts       map[string]ManifestPart `json:"parts,omitempty"`
	Packed      []byte                  `json:"packed,omitempty"`
}

type packed[S any] struct {
	Spec  S                       `json:"spec"`
	Parts map[string]ManifestPart `json:"parts"`
}

// FormatManifest returns the manifest as it is stored, packed if it is larger than PlainManifest. It fails if the text
// is larger than MaxManifest.
func FormatManifest[S any](m Manifest[S]) (string, error) {
	e := envelope[S]{
		Version: m.Version, ID: m.ID, Name: m.Name, Region: m.Region, TopicPrefix: m.TopicPrefix,
		Store: m.CredentialsStore, Spec: &m.Spec, Parts: m.Parts,
	}
	text, err := encode(e)
	if err != nil || len(text) <= PlainManifest {
		return string(text), err
	}
	e.Spec, e.Parts = nil, nil
	if e.Packed, err = pack(packed[S]{m.Spec, m.Parts}); err != nil {
		return "", err
	}
	if text, err = encode(e); err != nil {
		return "", err
	}
	if len(text) > MaxManifest {
		return "", fmt.Errorf(
			"the manifest takes %d bytes and Parameter Store holds %d: use fewer or shorter routes, alert rules and "+
				"subscriptions, or split the pipeline", len(text), MaxManifest)
	}
	return string(text), nil
}

// ParseManifest reads the value of a manifest parameter. It accepts every version, so that a reader that needs little
// can read manifests of other versions of the provider.
func ParseManifest[S any](text []byte) (Manifest[S], error) {
	var e envelope[S]
	if err := json.Unmarshal(text, &e); err != nil {
		return Manifest[S]{}, fmt.Errorf("reading manifest: %w", err)
	}
	content := packed[S]{Parts: e.Parts}
	if e.Spec != nil {
		content.Spec = *e.Spec
	}
	if e.Packed != nil {
		if err := unpack(e.Packed, &content); err != nil {
			return Manifest[S]{}, fmt.Errorf("reading manifest of pipeline %q: %w", e.Name, err)
		}
	}
	return Manifest[S]{
		Version: e.Version, ID: e.ID, Name: e.Name, Region: e.Region, TopicPrefix: e.TopicPrefix,
		CredentialsStore: e.Store, Spec: content.Spec, Parts: content.Parts,
	}, nil
}

func pack(content any) ([]byte, error) {
	text, err := encode(content)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("packing the manifest: %w", err)
	}
	return b.Bytes(), nil
}

func unpack(b []byte, into any) error {
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

// encode returns compact JSON, without the escapes for HTML that would make it longer.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
