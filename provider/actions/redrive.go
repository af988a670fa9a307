package actions

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/internal/operate"
)

// redrive are the arguments of iot_redrive_dead_letters.
type redrive struct {
	Reasons     []string `json:"reasons"`
	Things      []string `json:"things"`
	After       string   `json:"after"`
	Before      string   `json:"before"`
	Destination string   `json:"destination"`
	Topic       string   `json:"topic"`
	MaxLetters  int      `json:"max_letters"`
}

func (a arguments) redriven() (operate.Redrive, error) {
	r := operate.Redrive{Reasons: a.Reasons, Things: a.Things, To: a.Destination, Topic: a.Topic, Max: a.MaxLetters,
		DryRun: a.DryRun}
	var err error
	if r.After, err = operate.ParseTime("after", a.After); err != nil {
		return r, err
	}
	if r.Before, err = operate.ParseTime("before", a.Before); err != nil {
		return r, err
	}
	return r, r.Check()
}

func redriveDeadLetters() kind {
	return kind{
		name:    "_redrive_dead_letters",
		summary: "Sending dead letters of pipeline %q again failed",
		description: "Sends dead letters of a pipeline again, when what kept them from being stored is repaired: " +
			"single messages from the dead-letter queue, and failed batches from the bucket. A letter is removed " +
			"once it has been sent; what cannot be sent stays, and the error says why. The guide \"Operating a " +
			"pipeline\" says what happens if a letter is sent and cannot be removed.",
		own: map[string]schema.Attribute{
			"reasons": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Only letters with one of these reasons, such as `not_json` or " +
					"`RetriesExhausted`."},
			"things": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Only letters of these devices. Failed batches hold messages of many devices, " +
					"and are then left alone."},
			"after": schema.StringAttribute{Optional: true, MarkdownDescription: "Only letters whose message arrived " +
				"at this time or later, such as `2026-01-31T08:00:00Z`."},
			"before": schema.StringAttribute{Optional: true,
				MarkdownDescription: "Only letters whose message arrived before this time."},
			"destination": schema.StringAttribute{Optional: true,
				MarkdownDescription: "`origin` hands each letter to what could not handle it, as the message that it " +
					"was, so that nothing is stored twice. `stream` puts messages into the stream, or the queue in " +
					"its place, as new ones. `topic` publishes messages, for all rules to see. Defaults to `origin`.",
				Validators: []validator.String{stringvalidator.OneOf(operate.Destinations...)}},
			"topic": schema.StringAttribute{Optional: true, MarkdownDescription: "With `destination = \"topic\"`: " +
				"where all messages are published. Defaults to the topic of each."},
			"max_letters": schema.Int64Attribute{Optional: true,
				MarkdownDescription: fmt.Sprintf("How many letters are sent at most, from 1 to %d. Defaults to `%d`.",
					operate.MaxLetters, operate.DefaultLetters),
				Validators: []validator.Int64{int64validator.Between(1, operate.MaxLetters)}},
			"dry_run": schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Whether to say how many letters of which reasons would be sent, and send " +
					"nothing."},
		},
		check: func(a arguments) error {
			_, err := a.redriven()
			return err
		},
		run: func(ctx context.Context, p *deployed.Pipeline, a arguments, tell operate.Progress) error {
			r, err := a.redriven()
			if err != nil {
				return err
			}
			// Terraform shows each message as one line.
			_, err = operate.ResendDeadLetters(ctx, p, r, func(message string) {
				for line := range strings.Lines(message) {
					tell(strings.TrimSuffix(line, "\n"))
				}
			})
			return err
		},
	}
}
