// Package deployed finds the pipelines of an account by their manifests, and reads what belongs to them: devices and
// credentials. It serves those that know a pipeline's name and not its configuration: data sources, list resources,
// ephemeral resources and operators' commands.
//
// It changes nothing, and must not know Terraform.
package deployed

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// AbsentError says that a pipeline does not exist.
type AbsentError struct{ Name, Account, Region string }

func (e *AbsentError) Error() string {
	return fmt.Sprintf("pipeline %q does not exist in account %s and region %s: there is no SSM parameter %q",
		e.Name, e.Account, e.Region, contract.ManifestName(e.Name))
}

// arguments are those arguments of a pipeline that its manifest is read for here. It takes no more than it needs, so
// that it can read manifests of other versions of the provider.
type arguments struct {
	Credentials struct {
		Path     string `json:"path"`
		KMSKeyID string `json:"kms_key_id"`
	} `json:"credentials"`
	Routes map[string]struct {
		Enabled *bool `json:"enabled"`
	} `json:"routes"`
	Telemetry struct {
		Select string `json:"select"`
	} `json:"telemetry"`
}

// Pipeline is one that exists.
type Pipeline struct {
	contract.Manifest[arguments]
	clients *awsapi.Clients
}

// Rules returns the keys of the pipeline's topic rules that its configuration does not switch off, such as "telemetry",
// in order, with the names of the rules.
func (p *Pipeline) Rules() (keys []string, names map[string]string) {
	names = map[string]string{}
	for key, part := range p.Parts {
		rule, ok := strings.CutPrefix(key, contract.KeyRulePrefix)
		if route := p.Spec.Routes[rule]; ok && (route.Enabled == nil || *route.Enabled) {
			names[rule] = part.Name
		}
	}
	return slices.Sorted(maps.Keys(names)), names
}

// HasGateways reports whether devices can be behind gateways.
func (p *Pipeline) HasGateways() bool { return p.Parts[contract.KeyChildrenRule].Name != "" }

// Clients are those that the pipeline was found with.
func (p *Pipeline) Clients() *awsapi.Clients { return p.clients }

// Find reads the manifest of a pipeline. The error is an *AbsentError if there is none.
func Find(ctx context.Context, c *awsapi.Clients, name string) (*Pipeline, error) {
	text, err := ReadManifest(ctx, c, name)
	if err != nil {
		return nil, err
	}
	m, err := contract.ParseManifest[arguments]([]byte(text))
	if err != nil {
		return nil, err
	}
	return &Pipeline{Manifest: m, clients: c}, nil
}

// ReadManifest returns the text of a pipeline's manifest. The error is an *AbsentError if there is none.
func ReadManifest(ctx context.Context, c *awsapi.Clients, name string) (string, error) {
	text, err := c.ReadParameter(ctx, contract.ManifestName(name))
	if errors.Is(err, awsapi.ErrNotFound) {
		return "", &AbsentError{name, c.AccountID(), c.Region()}
	}
	return text, err
}

// manifestsPage is the largest page of the list of parameters [AWS DescribeParameters].
const manifestsPage = 50

// Pipelines returns the names of the pipelines of a region that carry all of these tags, page by page: the next page
// is asked for when somebody wants it. An error ends the sequence.
func Pipelines(ctx context.Context, c *awsapi.Clients, tags map[string]string) iter.Seq2[string, error] {
	prefix, suffix, _ := strings.Cut(contract.ManifestName("\x00"), "\x00")
	filters := []types.ParameterStringFilter{
		{Key: aws.String("Path"), Option: aws.String("Recursive"), Values: []string{strings.TrimSuffix(prefix, "/")}},
		// Bundles of devices are below the same path, thousands perhaps; the service leaves most of them out.
		{Key: aws.String("Name"), Option: aws.String("Contains"), Values: []string{suffix}},
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		filters = append(filters,
			types.ParameterStringFilter{Key: aws.String("tag:" + key), Values: []string{tags[key]}})
	}
	in := &ssm.DescribeParametersInput{MaxResults: aws.Int32(manifestsPage), ParameterFilters: filters}
	return func(yield func(string, error) bool) {
		for pages := ssm.NewDescribeParametersPaginator(c.SSM().DescribeParameters, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield("", fmt.Errorf("listing the manifests of pipelines: %w", err))
				return
			}
			for _, p := range page.Parameters {
				name := strings.TrimSuffix(strings.TrimPrefix(aws.ToString(p.Name), prefix), suffix)
				if contract.ManifestName(name) == aws.ToString(p.Name) && !strings.Contains(name, "/") &&
					!yield(name, nil) {
					return
				}
			}
		}
	}
}
