package main

import (
	"context"
	"fmt"

	"github.com/iot-pipeline/terraform-provider-iot/internal/operate"
)

func (c *command) smokeFlags() {
	c.StringVar(&c.smoke.Device, "device", "", "`name` of a device to send as (default: "+operate.SmokeDevice+
		", which needs no thing and is removed again)")
	c.StringVar(&c.smoke.Payload, "payload", "",
		"`message` as a device sends it, if the pipeline reads a form of its own")
	c.DurationVar(&c.smoke.Wait, "wait", 0, "`time` to wait for each hop, such as 5m (default: what the pipeline's "+
		"settings let it take, and some minutes)")
	c.BoolVar(&c.smoke.SkipArchive, "skip-archive", false, "do not wait for the archive")
}

func (c *command) smokeTest(ctx context.Context, names []string) error {
	if err := c.smoke.Check(); err != nil {
		return err
	}
	if len(names) > 1 {
		return fmt.Errorf("unexpected argument %q", names[1])
	}
	p, _, err := c.find(ctx, names)
	if err != nil {
		return err
	}
	return operate.RunSmokeTest(ctx, p, c.smoke, c.tell)
}
