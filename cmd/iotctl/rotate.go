package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/operate"
)

func (c *command) rotateFlags() {
	c.Var(&c.devices, "device", "`name` of a device; can be repeated")
	c.BoolVar(&c.all, "all", false, "for all devices whose keys the provider has made")
	c.BoolVar(&c.dry, "dry-run", false, "only say which devices it is for")
}

func (c *command) rotate(ctx context.Context, names []string) error {
	if len(names) != 2 {
		return fmt.Errorf("want iotctl rotate PIPELINE STEP, with the step %s, such as: iotctl rotate farm issue --all",
			strings.Join(operate.Steps, " or "))
	}
	r := operate.Rotation{Step: names[1], Devices: c.devices, All: c.all, DryRun: c.dry}
	if err := r.Check(); err != nil {
		return err
	}
	p, _, err := c.find(ctx, names[:1])
	if err != nil {
		return err
	}
	return operate.Rotate(ctx, p, r, c.tell)
}
