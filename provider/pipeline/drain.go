package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/sqsqueue"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// drainKey is the key in the private state of the time since which nothing writes to what drains; null: not known.
const drainKey = "drains-since"

// keepDrain stores that time, when the records show that the rules write to the other way alone. A time that is there
// stays, unless the ways have just changed.
func keepDrain(
	ctx context.Context,
	to private,
	s pipeline.Spec,
	records []assembly.Record,
	changed bool,
) diag.Diagnostics {
	since := drainsSince(ctx, to)
	switch {
	case !pipeline.Drains(s) || !pipeline.Switched(records):
		since = nil
	case since == nil || changed:
		now := time.Now().UTC().Truncate(time.Second)
		since = &now
	}
	text, err := json.Marshal(since)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Writing the state", err.Error())}
	}
	return to.SetKey(ctx, drainKey, text)
}

func drainsSince(ctx context.Context, from private) *time.Time {
	text, diags := from.GetKey(ctx, drainKey)
	var since *time.Time
	if diags.HasError() || text == nil || json.Unmarshal(text, &since) != nil {
		return nil // written by another version: the time starts again
	}
	return since
}

// draining is what a plan or an apply knows of a change between a stream and a queue.
type draining struct {
	before, now pipeline.Spec
	records     []assembly.Record // before
	since       *time.Time
	at          time.Time
}

// left says what forbids to remove what drains; "" is nothing. waiting counts the messages in the queue.
func (d *draining) left(ctx context.Context, waiting func(context.Context, string) (int64, error)) (string, error) {
	if d.since == nil {
		return "Not all rules are known to write to the new one alone. Run terraform apply with drain = true " +
			"first.", nil
	}
	if end := d.since.Add(time.Duration(pipeline.DrainHours(d.before)) * time.Hour); d.at.Before(end) {
		return fmt.Sprintf("Nothing writes to it since %s, and until %s, %d hours later, something of it may still be "+
			"under way. Keep drain = true until then.", d.since.Format(time.RFC3339), end.Format(time.RFC3339),
			pipeline.DrainHours(d.before)), nil
	}
	if pipeline.Queued(d.before) {
		return "", nil
	}
	for _, r := range d.records {
		if r.Key != contract.KeyQueue || r.Status == assembly.Missing || r.Status == assembly.Foreign {
			continue
		}
		n, err := waiting(ctx, r.ID)
		if err != nil {
			return "", fmt.Errorf("counting the messages of queue %q: %w", r.Name, err)
		}
		if n > 0 {
			return fmt.Sprintf("The queue %s still holds about %d messages, which the processor gets until they are "+
				"processed or become dead letters. Keep drain = true until it is empty.", r.Name, n), nil
		}
	}
	return "", nil
}

// old names what the pipeline had before, or drains now.
func old(s pipeline.Spec) string {
	if pipeline.Queued(s) {
		return "stream"
	}
	return "queue"
}

// problem says why a change of the mode, or the end of a drain, would lose messages; nil if it does not.
func (d *draining) problem(
	ctx context.Context,
	waiting func(context.Context, string) (int64, error),
) (*pipeline.ProblemError, error) {
	if pipeline.Queued(d.before) != pipeline.Queued(d.now) {
		if pipeline.Drains(d.now) {
			return nil, nil
		}
		what := old(d.now)
		return &pipeline.ProblemError{Problem: pipeline.Problem{Path: "stream.mode",
			Summary: "The " + what + " would be deleted with what is in it",
			Detail: "What devices have sent and the processor has not read yet would be lost. Nothing was changed. " +
				"Add drain = true to stream, and run terraform apply: the rules then write to the new one, and the " +
				what + " and its readers stay. Remove drain a day or more later; the plan says if it is too early.",
		}}, nil
	}
	force := d.now.ForceDestroy
	if !pipeline.Drains(d.before) || pipeline.Drains(d.now) || force != nil && *force {
		return nil, nil
	}
	left, err := d.left(ctx, waiting)
	if left == "" || err != nil {
		return nil, err
	}
	return &pipeline.ProblemError{Problem: pipeline.Problem{Path: "stream",
		Summary: "The " + old(d.now) + " may still hold messages",
		Detail: left + " Nothing was changed. To delete it with what it holds, set force_destroy = true, run " +
			"terraform apply, and then remove drain.",
	}}, nil
}

// drainingOf compares a state with a plan. It returns nil while that cannot be done.
func drainingOf(ctx context.Context, prior, planned *model, from private) (*draining, error) {
	if prior == nil || planned.unknown.Covers("stream.mode") || planned.unknown.Covers("stream.drain") {
		return nil, nil
	}
	records, err := prior.records()
	if err != nil {
		return nil, err
	}
	return &draining{before: prior.spec, now: planned.spec, records: records, since: drainsSince(ctx, from),
		at: time.Now()}, nil
}

// checkSwitch refuses, at plan and again at apply, what would lose messages.
func checkSwitch(ctx context.Context, s *session, d *draining) error {
	if d == nil {
		return nil
	}
	problem, err := d.problem(ctx, sqsqueue.New(s.clients).Waiting)
	if problem != nil {
		return problem
	}
	return err
}

// checkMode refuses a change that would lose messages, and says what to do when one that does not is over.
func (p *planner) checkMode(ctx context.Context, s *session) error {
	d, err := drainingOf(ctx, p.prior, p.planned, p.private)
	if d == nil || err != nil {
		return err
	}
	if err := checkSwitch(ctx, s, d); err != nil {
		return err
	}
	if !pipeline.Drains(d.now) {
		return nil
	}
	at := path.Root("stream").AtName("drain")
	if pipeline.Queued(d.before) != pipeline.Queued(d.now) {
		p.warnings.AddAttributeWarning(at, "The "+old(d.now)+" stays until it is drained", fmt.Sprintf(
			"An apply makes the new way with its readers and then lets the rules write to it. The %s and its readers "+
				"stay, and are paid for: what is in it is processed. Remove drain %d hours later or after that, and "+
				"run terraform apply again.", old(d.now), pipeline.DrainHours(d.now)))
		return nil
	}
	left, err := d.left(ctx, sqsqueue.New(s.clients).Waiting)
	if err != nil {
		return err
	}
	if left == "" && pipeline.Drains(d.before) {
		p.warnings.AddAttributeWarning(at, "The "+old(d.now)+" is drained",
			"It holds nothing any more. Remove drain and run terraform apply to delete it.")
	}
	return nil
}
