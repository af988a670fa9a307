package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/operate"
)

// redriving are the flags of the command redrive.
type redriving struct {
	reasons, things list
	after, before   string
	destination     string
	topic           string
	most            int
}

func (c *command) redriveFlags() {
	c.Var(&c.reasons, "reason", "only letters with this `reason`, such as not_json; can be repeated")
	c.Var(&c.things, "thing", "only letters of this `device`; can be repeated. Leaves failed batches alone")
	c.StringVar(&c.after, "after", "",
		"only messages that arrived at this `time` or later, such as 2026-01-31T08:00:00Z")
	c.StringVar(&c.before, "before", "", "only messages that arrived before this `time`")
	c.StringVar(&c.destination, "to", operate.ToOrigin, "`destination`: "+strings.Join(operate.Destinations, ", "))
	c.StringVar(&c.topic, "topic", "", "with --to topic: the `topic` for all messages (default: each to its own)")
	c.IntVar(&c.most, "max", operate.DefaultLetters, "how many `letters` are sent at most")
	c.BoolVar(&c.dry, "dry-run", false, "only say how many letters of which reasons would be sent")
}

func (c *command) redrive(ctx context.Context, names []string) error {
	r := operate.Redrive{Reasons: c.reasons, Things: c.things, To: c.destination, Topic: c.topic, Max: c.most,
		DryRun: c.dry}
	var err error
	if r.After, err = operate.ParseTime("after", c.after); err != nil {
		return err
	}
	if r.Before, err = operate.ParseTime("before", c.before); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return err
	}
	if len(names) > 1 {
		return fmt.Errorf("unexpected argument %q", names[1])
	}
	p, _, err := c.find(ctx, names)
	if err != nil {
		return err
	}
	_, err = operate.ResendDeadLetters(ctx, p, r, c.tell)
	return err
}
