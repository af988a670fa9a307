package actions

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/internal/operate"
)

// smokeTest are the arguments of iot_smoke_test, beside payload.
type smokeTest struct {
	Device      string `json:"device"`
	WaitSeconds int64  `json:"wait_seconds"`
	SkipArchive bool   `json:"skip_archive"`
}

func (a arguments) smoke() operate.Smoke {
	return operate.Smoke{Device: a.Device, Payload: a.Payload, Wait: time.Duration(a.WaitSeconds) * time.Second,
		SkipArchive: a.SkipArchive}
}

func testPipeline() kind {
	return kind{
		name:    "_smoke_test",
		summary: "The smoke test of pipeline %q failed",
		description: "Sends one message through a pipeline, and waits until every store and the archive have it: the " +
			"first thing to run after an apply. An error says which hop the message did not reach, and what to look " +
			"at. The message is published with the caller's credentials, so it tests all but a device's certificate, " +
			"policy and connection. Of the test's own device, state and recent readings are removed again; what is " +
			"archived stays.",
		own: map[string]schema.Attribute{
			"device": schema.StringAttribute{Optional: true,
				MarkdownDescription: "Device of the pipeline that the message seems to come from; its state is then " +
					"that of the message. Defaults to `" + operate.SmokeDevice + "`, which needs no thing.",
				Validators: []validator.String{stringvalidator.LengthBetween(1, 128)}},
			"payload": schema.StringAttribute{Optional: true, MarkdownDescription: "Message as a device sends it. " +
				"Needed if the block `telemetry` describes a form of its own. By default a message with a text as " +
				"its only measure, which no condition of an alert knows."},
			"wait_seconds": schema.Int64Attribute{Optional: true,
				MarkdownDescription: "How long each hop may take, up to 3600. Defaults to what the pipeline's " +
					"settings, such as `archive.buffer_seconds`, let it take, and some minutes.",
				Validators: []validator.Int64{int64validator.Between(1, int64(operate.MaxSmokeWait.Seconds()))}},
			"skip_archive": schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Whether to leave out the archive, which takes the longest."},
		},
		check: func(a arguments) error { return a.smoke().Check() },
		run: func(ctx context.Context, p *deployed.Pipeline, a arguments, tell operate.Progress) error {
			return operate.RunSmokeTest(ctx, p, a.smoke(), tell)
		},
	}
}
