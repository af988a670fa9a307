package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/iot-pipeline/terraform-provider-iot/internal/migrate"
)

func (c *command) migrateFlags() {
	c.Var(&c.devices, "thing", "`name` of a thing that becomes a device; can be repeated (default: all of the state)")
}

// migrate writes the configuration that takes over what a state holds. It asks AWS nothing.
func (c *command) migrate(_ context.Context, names []string) error {
	if len(names) != 2 {
		return errors.New("want iotctl migrate PIPELINE STATE, such as: terraform show -json | iotctl migrate farm -")
	}
	var from io.Reader = os.Stdin
	if names[1] != "-" {
		file, err := os.Open(names[1])
		if err != nil {
			return err
		}
		defer file.Close()
		from = file
	}
	return migrate.Write(c.out, from, migrate.Options{Pipeline: names[0], Things: c.devices, Region: c.region})
}
