// Package credentials is the ephemeral resources iot_device_credentials and iot_claim_credentials: secrets of a
// pipeline that Terraform passes on without writing them to a plan or a state.
package credentials

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"

	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// kind is one of the two ephemeral resources.
type kind struct {
	name, description string
	arguments         map[string]schema.Attribute
	results           map[string]schema.Attribute
	// open reads the secrets, under the names of the results.
	open func(ctx context.Context, p *deployed.Pipeline, a arguments) (map[string]any, error)
}

type ephemeralResource struct {
	kind
	connection *connection.Connection
}

var _ ephemeral.EphemeralResourceWithConfigure = (*ephemeralResource)(nil)

// NewDevice returns iot_device_credentials.
func NewDevice() ephemeral.EphemeralResource { return &ephemeralResource{kind: ofDevice()} }

// NewClaim returns iot_claim_credentials.
func NewClaim() ephemeral.EphemeralResource { return &ephemeralResource{kind: ofClaim()} }

const where = " Reads Parameter Store, Secrets Manager or S3, wherever the pipeline keeps them. Nothing of the " +
	"result is in the plan or the state. Terraform reads during the plan as well. In the configuration that makes " +
	"the pipeline, set `pipeline_id`: the read then waits until the pipeline exists."

func ofDevice() kind {
	return kind{
		name: "_device_credentials",
		description: "Reads what a device of a pipeline needs to connect: certificate, private key, endpoint and " +
			"authority." + where,
		arguments: map[string]schema.Attribute{
			"device": schema.StringAttribute{Required: true, MarkdownDescription: "Name of the device."},
		},
		results: map[string]schema.Attribute{
			"certificate_pem": result("Certificate of the device in PEM format."),
			"private_key": secret("Private key in PEM format (PKCS #8). Null if the device brought its own request " +
				"or certificate."),
			"certificate_id": schema.StringAttribute{Optional: true, Computed: true,
				MarkdownDescription: "ID of the certificate. If it is set, such as to " +
					"`iot_pipeline.farm.identities[\"soil-001\"].certificate_id`, the read waits until the device " +
					"exists, and fails if it has another certificate."},
			"certificate_arn": result("ARN of the certificate."),
			"endpoint":        result("Host name to connect to, on port 8883 with mutual TLS."),
			"ca_pem":          result("Certificate of Amazon Root CA 1, with which the device checks the endpoint."),
			"topics": schema.SingleNestedAttribute{Computed: true, MarkdownDescription: "Topics of the device.",
				Attributes: map[string]schema.Attribute{
					"telemetry": result("Topic that the device publishes measures to."),
					"status":    result("Topic that the device publishes its connection status to."),
					"commands":  result("Topic that the device receives commands from."),
				}},
		},
		open: openDevice,
	}
}

func openDevice(ctx context.Context, p *deployed.Pipeline, a arguments) (map[string]any, error) {
	b, err := p.Credentials(ctx, a.Device)
	if err != nil {
		return nil, err
	}
	if a.CertificateID != "" && a.CertificateID != b.CertificateID {
		return nil, fmt.Errorf("the credentials of device %q are those of certificate %s, not of %s: the certificate "+
			"has been replaced. Run terraform apply for the pipeline", a.Device, b.CertificateID, a.CertificateID)
	}
	return map[string]any{
		"certificate_pem": b.CertificatePEM, "private_key": orNull(b.PrivateKey), "certificate_id": b.CertificateID,
		"certificate_arn": b.CertificateARN, "endpoint": b.Endpoint, "ca_pem": deployed.RootCA, "device": a.Device,
		"topics": map[string]any{
			"telemetry": b.Topics.Telemetry, "status": b.Topics.Status, "commands": b.Topics.Commands,
		},
	}, nil
}

func ofClaim() kind {
	return kind{
		name: "_claim_credentials",
		description: "Reads the claim certificate of a pipeline, with which devices register themselves, and its " +
			"private key." + where,
		results: map[string]schema.Attribute{
			"certificate_pem": result("Claim certificate in PEM format."),
			"private_key":     secret("Private key in PEM format (PKCS #8)."),
			"certificate_id":  result("ID of the certificate."),
			"certificate_arn": result("ARN of the certificate."),
			"endpoint":        result("Host name to connect to, on port 8883 with mutual TLS."),
			"ca_pem":          result("Certificate of Amazon Root CA 1, with which the device checks the endpoint."),
			"template":        result("Name of the provisioning template."),
		},
		open: openClaim,
	}
}

func openClaim(ctx context.Context, p *deployed.Pipeline, _ arguments) (map[string]any, error) {
	b, err := p.ClaimCredentials(ctx)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"certificate_pem": b.CertificatePEM, "private_key": b.PrivateKey, "certificate_id": b.CertificateID,
		"certificate_arn": b.CertificateARN, "endpoint": b.Endpoint, "ca_pem": deployed.RootCA, "template": b.Template,
	}, nil
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func result(description string) schema.Attribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: description}
}

func secret(description string) schema.Attribute {
	return schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: description}
}

func (e *ephemeralResource) Metadata(
	_ context.Context,
	req ephemeral.MetadataRequest,
	resp *ephemeral.MetadataResponse,
) {
	resp.TypeName = req.ProviderTypeName + e.name
}

func (e *ephemeralResource) Configure(
	_ context.Context,
	req ephemeral.ConfigureRequest,
	_ *ephemeral.ConfigureResponse,
) {
	e.connection, _ = req.ProviderData.(*connection.Connection)
}

func (e *ephemeralResource) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	all := map[string]schema.Attribute{
		"pipeline": schema.StringAttribute{Required: true, MarkdownDescription: "Name of the pipeline."},
		"pipeline_id": schema.StringAttribute{Optional: true, Computed: true,
			MarkdownDescription: "Owner token of the pipeline. If it is set, such as to `iot_pipeline.farm.id`, the " +
				"read waits until that is known, and fails if another pipeline has the name."},
		"region": schema.StringAttribute{Optional: true, Computed: true,
			MarkdownDescription: "AWS region of the pipeline. Defaults to the region of the provider."},
	}
	for _, attributes := range []map[string]schema.Attribute{e.arguments, e.results} {
		for name, attribute := range attributes {
			all[name] = attribute
		}
	}
	resp.Schema = schema.Schema{MarkdownDescription: e.description, Attributes: all}
}

// arguments are those of both ephemeral resources as written.
type arguments struct {
	Pipeline      string `json:"pipeline"`
	PipelineID    string `json:"pipeline_id"`
	Region        string `json:"region"`
	Device        string `json:"device"`
	CertificateID string `json:"certificate_id"`
}

// Open reads the credentials. Nothing has to be closed.
func (e *ephemeralResource) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var args arguments
	if _, err := tfvalue.Decode(req.Config.Raw, &args); err != nil {
		resp.Diagnostics.AddError("Reading the configuration", err.Error())
		return
	}
	values, err := e.read(ctx, args)
	if err == nil {
		resp.Result.Raw, err = tfvalue.Value(resp.Result.Schema.Type().TerraformType(ctx), values)
	}
	if err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("Reading credentials of pipeline %q failed", args.Pipeline),
			tfdiag.Detail(err, next(err)))
	}
}

func next(err error) string {
	if errors.As(err, new(*deployed.AbsentError)) {
		return "Check name and region. If this configuration makes the pipeline, set pipeline_id to its id, so that " +
			"the read waits for it."
	}
	return ""
}

func (e *ephemeralResource) read(ctx context.Context, a arguments) (map[string]any, error) {
	clients, err := e.connection.In(a.Region)
	if err != nil {
		return nil, err
	}
	p, err := deployed.Find(ctx, clients, a.Pipeline)
	if err != nil {
		return nil, err
	}
	if a.PipelineID != "" && a.PipelineID != p.ID {
		return nil, fmt.Errorf("pipeline %q has the ID %s, not %s: it has been replaced", a.Pipeline, p.ID,
			a.PipelineID)
	}
	values, err := e.open(ctx, p, a)
	if err != nil {
		return nil, err
	}
	values["pipeline"], values["pipeline_id"], values["region"] = a.Pipeline, p.ID, clients.Region()
	return values, nil
}
