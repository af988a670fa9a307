package local

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// ErrNotDeployed is the error of a pipeline that the endpoint does not know.
var ErrNotDeployed = errors.New("the pipeline is not deployed there")

// maxManifest bounds what a packed manifest may unfold to, in bytes.
const maxManifest = 1 << 20

// A Manifest is what the local runtime reads of a pipeline's manifest. A pipeline made by hand has none; then only Name
// and the defaults are set.
type Manifest struct {
	Name        string
	TopicPrefix string
	// Parts is the name of every part by its key, such as "rule/telemetry"; nil without a manifest.
	Parts map[string]string
	// CredentialsPath is what the names of the devices' bundles begin with.
	CredentialsPath string
	// SecretsManager says that the bundles are secrets, not parameters.
	SecretsManager bool
}

// ReadManifest finds a pipeline by its name: by its manifest, or at least by its thing group.
func ReadManifest(ctx context.Context, c *awsapi.Clients, pipeline string) (*Manifest, error) {
	m, err := readManifest(ctx, c, pipeline)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest of pipeline %q: %w", pipeline, err)
	}
	if m != nil {
		return m, nil
	}
	_, err = c.IoT().DescribeThingGroup(ctx, &iot.DescribeThingGroupInput{ThingGroupName: &pipeline})
	if errors.As(err, new(*iottypes.ResourceNotFoundException)) {
		return nil, fmt.Errorf(
			"looking for pipeline %q in %s: %w: apply it first, or check name, region and endpoint",
			pipeline,
			c.Region(),
			ErrNotDeployed,
		)
	}
	if err != nil {
		return nil, fmt.Errorf("looking for pipeline %q: %w", pipeline, err)
	}
	return &Manifest{
		Name:            pipeline,
		TopicPrefix:     pipeline,
		CredentialsPath: contract.DefaultCredentialsPath(pipeline),
	}, nil
}

// readManifest returns nil when there is none. It takes no more from the document than it needs, so that manifests of
// other versions of the provider can be read.
func readManifest(ctx context.Context, c *awsapi.Clients, pipeline string) (*Manifest, error) {
	out, err := c.SSM().GetParameters(
		ctx,
		&ssm.GetParametersInput{
			Names:          []string{"/iot-pipeline/" + pipeline, contract.ManifestName(pipeline)},
			WithDecryption: aws.Bool(true),
		},
	)
	if err != nil || len(out.Parameters) == 0 {
		return nil, err
	}
	type part struct{ Name string }
	var document struct {
		Name        string
		TopicPrefix string `json:"topic_prefix"`
		Spec        struct {
			Credentials struct{ Path, Store string }
		}
		Parts  map[string]part
		Packed []byte
	}
	if err := json.Unmarshal([]byte(*out.Parameters[0].Value), &document); err != nil {
		return nil, err
	}
	if document.Packed != nil {
		text, err := unpack(document.Packed)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &document); err != nil {
			return nil, err
		}
	}
	m := &Manifest{
		Name:        pipeline,
		TopicPrefix: document.TopicPrefix,
		Parts:       make(map[string]string, len(document.Parts)),
		CredentialsPath: strings.TrimSuffix(
			document.Spec.Credentials.Path,
			"/",
		),
		SecretsManager: document.Spec.Credentials.Store == "secretsmanager",
	}
	for key, p := range document.Parts {
		m.Parts[key] = p.Name
	}
	if m.TopicPrefix == "" {
		m.TopicPrefix = pipeline
	}
	if m.CredentialsPath == "" {
		m.CredentialsPath = contract.DefaultCredentialsPath(pipeline)
	}
	return m, nil
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, maxManifest))
}

// has says whether an object belongs to the pipeline: the manifest lists it under a key of that kind, or without a
// manifest its name begins with the prefix.
func (m *Manifest) has(kind, name, prefix string) bool {
	if m.Parts == nil {
		return strings.HasPrefix(name, prefix)
	}
	for key, n := range m.Parts {
		if n == name && strings.HasPrefix(key, kind+"/") {
			return true
		}
	}
	return false
}
