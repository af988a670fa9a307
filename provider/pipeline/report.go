package pipeline

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
)

// writeReport writes every device that an apply affects, as CSV with the columns change and name. The file is renamed
// into place, so that nobody reads half of it.
func writeReport(name string, plan fleet.Plan) error {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("writing the report of the devices: %w", err)
	}
	err = writePlan(file, plan)
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("writing the report of the devices: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}

// writePlan needs no quotes: a device's name holds neither commas nor quotes.
func writePlan(to io.Writer, plan fleet.Plan) error {
	text := bufio.NewWriter(to)
	fmt.Fprintln(text, "change,name")
	for _, group := range []struct {
		change string
		names  []string
	}{{"added", plan.Added}, {"changed", plan.Changed}, {"removed", plan.Removed}, {"rotated", plan.Rotated}} {
		for _, name := range group.names {
			fmt.Fprintf(text, "%s,%s\n", group.change, name)
		}
	}
	return text.Flush()
}
