package actions

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/internal/operate"
)

// rotation is the argument of iot_rotate_certificates, beside devices, all and dry_run.
type rotation struct {
	Step string `json:"step"`
}

func (a arguments) rotate() operate.Rotation {
	return operate.Rotation{Step: a.Step, Devices: a.Devices, All: a.All, DryRun: a.DryRun}
}

func rotateCertificates() kind {
	return kind{
		name:    "_rotate_certificates",
		summary: "Rotating certificates of pipeline %q failed",
		description: "Rotates the certificates of devices in two steps, so that a device can connect all the time. " +
			"The step `issue` makes a new key and certificate beside the present one and updates the credentials in " +
			"the store; both certificates are valid. When the devices have fetched their credentials, the step " +
			"`retire` deactivates and deletes the earlier certificate. Both can be repeated, also after an " +
			"interruption. Devices with `csr_pem` or `certificate_pem`, and those that registered themselves, have " +
			"keys of their own and are not rotated. A plan shows no change after either step.",
		own: map[string]schema.Attribute{
			"step": schema.StringAttribute{Required: true,
				MarkdownDescription: "`issue`: a new certificate beside the present one. `retire`: delete the " +
					"earlier one.",
				Validators: []validator.String{stringvalidator.OneOf(operate.Steps...)}},
			"devices": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Names of the devices. Either this or `all`."},
			"all": schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Whether it is for all devices whose keys the provider has made."},
			"dry_run": schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Whether to say which devices it is for, and change nothing."},
		},
		check: func(a arguments) error { return a.rotate().Check() },
		run: func(ctx context.Context, p *deployed.Pipeline, a arguments, tell operate.Progress) error {
			return operate.Rotate(ctx, p, a.rotate(), tell)
		},
	}
}
