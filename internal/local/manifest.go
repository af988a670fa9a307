package local

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// ErrNotDeployed is the error of a pipeline that the endpoint does not know.
var ErrNotDeployed = errors.New("the pipeline is not deployed there")

// A Manifest is what the local runtime reads of a pipeline's manifest. A pipeline made by hand has none; then only Name
// and the defaults are set.
type Manifest struct {
	Name        string
	ID          string // owner token
	TopicPrefix string
	// Parts is the name of every part by its key, such as "rule/telemetry"; nil without a manifest.
	Parts map[string]string
	// CredentialsPath is what the names of the devices' bundles begin with.
	CredentialsPath string
	// CredentialsStore is where the bundles are: "ssm", "secretsmanager" or "s3".
	CredentialsStore string
	// Telemetry is how the pipeline reads payloads; nil if that is unknown, or if SQL transforms them first.
	Telemetry *telemetry.Options
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

// manifestPath is the name of a manifest; a device of a pipeline may be called "manifest", too.
var manifestPath = regexp.MustCompile(`^/iot-pipeline/([^/]+)/manifest$`)

// Pipelines returns the names of the account's pipelines that have a manifest, in order.
func Pipelines(ctx context.Context, c *awsapi.Clients) ([]string, error) {
	var names []string
	pages := ssm.NewDescribeParametersPaginator(c.SSM().DescribeParameters, &ssm.DescribeParametersInput{
		ParameterFilters: []ssmtypes.ParameterStringFilter{
			{Key: aws.String("Name"), Option: aws.String("Contains"), Values: []string{"/manifest"}},
		},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("looking for pipelines: %w", err)
		}
		for _, p := range page.Parameters {
			if found := manifestPath.FindStringSubmatch(aws.ToString(p.Name)); found != nil {
				names = append(names, found[1])
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// arguments are those arguments of a pipeline that the local runtime reads. It takes no more from a manifest than it
// needs, so that it can read manifests of other versions of the provider.
type arguments struct {
	Credentials struct {
		Path string `json:"path"`
	} `json:"credentials"`
	Telemetry json.RawMessage `json:"telemetry"`
}

// readTelemetry returns nil for settings of another version of the provider that this one cannot read, and for settings
// that describe the output of telemetry.select.
func readTelemetry(text json.RawMessage) *telemetry.Options {
	var settings struct {
		telemetry.Options
		Select    *string `json:"select"`
		DataField string  `json:"data_field"`
		TimeField string  `json:"time_field"`
	}
	if text != nil && json.Unmarshal(text, &settings) != nil || settings.Select != nil {
		return nil
	}
	o := settings.Options
	o.DataField, o.TimeField = settings.DataField, settings.TimeField
	if _, err := telemetry.New(o); err != nil {
		return nil
	}
	return &o
}

// readDescriptor completes the settings of the format protobuf: only the processor has the descriptor of the message.
func (m *Manifest) readDescriptor(ctx context.Context, c *awsapi.Clients, settings json.RawMessage) error {
	var format struct {
		Format string  `json:"format"`
		Select *string `json:"select"`
	}
	processor := m.Parts[contract.KeyFunctionPrefix+"processor"]
	if settings == nil || json.Unmarshal(settings, &format) != nil || format.Format != "protobuf" ||
		format.Select != nil || processor == "" {
		return nil
	}
	out, err := c.Lambda().GetFunctionConfiguration(ctx,
		&lambda.GetFunctionConfigurationInput{FunctionName: &processor})
	if awsapi.IsNotFound(err) {
		return nil
	}
	if err != nil || out.Environment == nil {
		return fmt.Errorf("reading the settings of function %q: %w", processor,
			cmp.Or(err, errors.New("it has no environment")))
	}
	e := out.Environment.Variables
	o, err := telemetry.ParseOptions(e[contract.EnvTelemetry], e[contract.EnvDataField], e[contract.EnvTimeField])
	if err != nil {
		return fmt.Errorf("reading the settings of function %q: %w", processor, err)
	}
	if _, err := telemetry.New(o); err == nil {
		m.Telemetry = &o
	}
	return nil
}

// readManifest returns nil if there is none.
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
	document, err := contract.ParseManifest[arguments]([]byte(aws.ToString(out.Parameters[0].Value)))
	if err != nil {
		return nil, err
	}
	m := &Manifest{
		Name:             pipeline,
		ID:               document.ID,
		TopicPrefix:      document.TopicPrefix,
		Parts:            make(map[string]string, len(document.Parts)),
		CredentialsPath:  strings.TrimSuffix(document.Spec.Credentials.Path, "/"),
		CredentialsStore: document.CredentialsStore,
		Telemetry:        readTelemetry(document.Spec.Telemetry),
	}
	for key, p := range document.Parts {
		m.Parts[key] = p.Name
	}
	if err := m.readDescriptor(ctx, c, document.Spec.Telemetry); err != nil {
		return nil, err
	}
	if m.TopicPrefix == "" {
		m.TopicPrefix = pipeline
	}
	if m.CredentialsPath == "" {
		m.CredentialsPath = contract.DefaultCredentialsPath(pipeline)
	}
	return m, nil
}

// HasAPI reports whether the pipeline has a device management API.
func (m *Manifest) HasAPI() bool { return m.Parts[contract.KeyAPIFunction] != "" }

// HasGateways reports whether devices can be behind gateways.
func (m *Manifest) HasGateways() bool { return m.Parts[contract.KeyChildrenRule] != "" }

// has reports whether an object belongs to the pipeline: the manifest lists it under a key with the prefix keys, or
// without a manifest its name begins with prefix.
func (m *Manifest) has(keys, name, prefix string) bool {
	if m.Parts == nil {
		return strings.HasPrefix(name, prefix)
	}
	for key, n := range m.Parts {
		if n == name && strings.HasPrefix(key, keys) {
			return true
		}
	}
	return false
}
