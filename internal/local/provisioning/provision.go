package provisioning

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/provisioning/template"
)

// hookLimit is how long a pre-provisioning hook may take. [AWS 4 Pre-provisioning hook]
const hookLimit = 5 * time.Second

// provisioned is the answer to a device that has been registered.
type provisioned struct {
	Configuration map[string]any `json:"deviceConfiguration"`
	ThingName     string         `json:"thingName"`
}

// provision registers a device: RegisterThing of the MQTT API. A repeated request with the same token repeats every
// step and gets the same answer, since a device cannot know why no answer arrived.
func (s *Service) provision(ctx context.Context, r request) (any, string, error) {
	var asked struct {
		Token      string            `json:"certificateOwnershipToken"`
		Parameters map[string]string `json:"parameters"`
	}
	if err := read(r.Payload, &asked); err != nil {
		return nil, "", err
	}
	for name := range asked.Parameters {
		if strings.HasPrefix(name, "AWS::") {
			return nil, "", badParameters(errors.New("names of parameters must not begin with AWS::"))
		}
	}
	t, err := s.tokens.find(asked.Token, r.ClientID, r.Principal, s.options.Now())
	if err != nil {
		return nil, "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.use != nil && !t.use.same(r.Template, asked.Parameters) {
		return nil, "", badToken("the token was used for thing %q, with other parameters", t.use.thing)
	}
	plan, err := s.plan(ctx, r, t, asked.Parameters)
	if err != nil {
		return nil, "", err
	}
	name := ""
	if plan.Thing != nil {
		name = plan.Thing.Name
	}
	if t.use != nil && t.use.thing != name {
		return nil, "", badToken("the token was used for thing %q, but the hook now returns %q", t.use.thing, name)
	}
	u := &use{template: r.Template, parameters: asked.Parameters, thing: name}
	if err := s.register(ctx, t, plan, u); err != nil {
		return nil, "", err
	}
	t.done = true
	return provisioned{plan.Configuration, name}, name, nil
}

// plan resolves the template, after calling its hook.
func (s *Service) plan(ctx context.Context, r request, t *token, parameters map[string]string) (*template.Plan, error) {
	described, err := s.describe(ctx, r.Template)
	if err != nil {
		return nil, err
	}
	parsed, err := template.Parse(aws.ToString(described.TemplateBody))
	if err != nil {
		return nil, badTemplate(r.Template, err)
	}
	values := maps.Clone(parameters)
	if hook := described.PreProvisioningHook; hook != nil {
		overrides, err := s.ask(ctx, hook,
			preProvisioning{ClaimCertificateID: r.Principal, CertificateID: t.id, CertificatePEM: t.pem,
				TemplateARN: aws.ToString(described.TemplateArn), ClientID: r.ClientID, Parameters: parameters})
		if err != nil {
			return nil, err
		}
		if values == nil {
			values = map[string]string{}
		}
		maps.Copy(values, overrides)
	}
	plan, err := parsed.Resolve(values, t.id)
	if err != nil {
		return nil, badParameters(err)
	}
	if plan.CertificateID != t.id {
		return nil, badTemplate(r.Template, errors.New("its certificate is not the one issued to the device"))
	}
	return plan, nil
}

// describe reads a template that devices can use. [AWS 4 Types]
func (s *Service) describe(ctx context.Context, name string) (*iot.DescribeProvisioningTemplateOutput, error) {
	out, err := s.options.API.DescribeProvisioningTemplate(ctx,
		&iot.DescribeProvisioningTemplateInput{TemplateName: &name})
	switch {
	case errors.As(err, new(*types.ResourceNotFoundException)):
		return nil, &rejection{
			Status:  http.StatusNotFound,
			Code:    "ResourceNotFound",
			Message: "The provisioning template does not exist.",
		}
	case err != nil:
		return nil, failed("reading the provisioning template", err)
	case !aws.ToBool(out.Enabled):
		return nil, badTemplate(name, errors.New("it is not enabled"))
	case out.Type != types.TemplateTypeFleetProvisioning && out.Type != "": // the default type
		return nil, badTemplate(name, errors.New("it is of type "+string(out.Type)+", not FLEET_PROVISIONING"))
	}
	return out, nil
}

// preProvisioning is a hook's input, and verdict its output. [AWS 4 Pre-provisioning hook]
type preProvisioning struct {
	ClaimCertificateID string            `json:"claimCertificateId"`
	CertificateID      string            `json:"certificateId"`
	CertificatePEM     string            `json:"certificatePem"`
	TemplateARN        string            `json:"templateArn"`
	ClientID           string            `json:"clientId"`
	Parameters         map[string]string `json:"parameters"`
}

type verdict struct {
	Allow     bool              `json:"allowProvisioning"`
	Overrides map[string]string `json:"parameterOverrides"`
}

// ask calls the hook and returns its overrides. Anything but a clear approval within the limit is a denial.
func (s *Service) ask(
	ctx context.Context,
	hook *types.ProvisioningHook,
	about preProvisioning,
) (map[string]string, error) {
	if about.Parameters == nil {
		about.Parameters = map[string]string{}
	}
	payload, err := json.Marshal(about)
	if err != nil {
		return nil, failed("calling the hook", err)
	}
	ctx, cancel := context.WithTimeout(ctx, hookLimit)
	defer cancel()
	arn := aws.ToString(hook.TargetArn)
	answer, err := s.options.Hook(ctx, arn, payload)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, denied("the hook %s did not answer within %v", arn, hookLimit)
	}
	if err != nil {
		return nil, denied("the hook %s failed: %w", arn, err)
	}
	var v verdict
	if err := json.Unmarshal(answer, &v); err != nil {
		return nil, denied("the hook %s returned an invalid answer: %w", arn, err)
	}
	if !v.Allow {
		return nil, denied("the hook %s denied the request", arn)
	}
	return v.Overrides, nil
}
