package operate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Steps of a rotation, in their order.
const (
	StepIssue  = "issue"
	StepRetire = "retire"
)

// Steps are the values of [Rotation.Step].
var Steps = []string{StepIssue, StepRetire}

// Rotation gives devices another certificate beside the one that they have (StepIssue), or removes the earlier one
// (StepRetire). It names devices, or All says that it is for all.
type Rotation struct {
	Step    string
	Devices []string
	All     bool
	DryRun  bool // only say which devices it is for
}

// Check reports what is wrong with a rotation before anything is done.
func (r Rotation) Check() error {
	switch {
	case !slices.Contains(Steps, r.Step):
		return fmt.Errorf("there is no step %q; the steps are %s", r.Step, strings.Join(Steps, " and "))
	case len(r.Devices) > 0 && r.All:
		return errors.New("the rotation names devices and is for all as well: do one of both")
	case len(r.Devices) == 0 && !r.All:
		return errors.New("the rotation is for no device: name devices, or say that it is for all")
	}
	return nil
}

// told is up to how many devices the progress names each.
const told = 20

// paced is how often the progress of more devices is reported.
const paced = 10 * time.Second

// Rotate does one step of a rotation. A device that is named and does not exist, or whose key the provider does not
// have, stops it before anything is changed; a rotation of all devices leaves such out and says so.
func Rotate(ctx context.Context, p *deployed.Pipeline, r Rotation, tell Progress) error {
	if err := r.Check(); err != nil {
		return err
	}
	names := slices.Clone(r.Devices)
	slices.Sort(names)
	names = slices.Compact(names)
	o := fleet.Options{NoIdentities: true, Defaults: spec.Fleet{
		ThingType: p.Parts[contract.KeyThingType].Name, Store: p.Store(),
	}}
	many := r.All || len(names) > told
	if many {
		o.Progress = bulk.Paced(paced, time.Now, func(now bulk.Progress) { tell(progressLine(now)) })
	}
	d, ref := fleet.New(p.Clients(), nil, o), assembly.Ref{Name: p.Name, Owner: p.ID}
	selected, err := d.SelectRotatable(ctx, ref, names)
	if err == nil {
		err = refuseOther(selected, names)
	}
	if err != nil {
		return fmt.Errorf("%w. Nothing was changed", err)
	}
	if n := len(selected.Other); n > 0 {
		other := slices.Sorted(maps.Keys(selected.Other))
		tell(fmt.Sprintf("left out %d devices whose keys are their own: %s", n, first(other)))
	}
	what := "issue another certificate"
	if r.Step == StepRetire {
		what = "retire the earlier certificate"
	}
	if r.DryRun {
		tell(fmt.Sprintf("would %s of %d devices: %s", what, len(selected.Names), first(selected.Names)))
		return nil
	}
	tell(fmt.Sprintf("%s of %d devices: %s", what, len(selected.Names), first(selected.Names)))
	return rotate(ctx, d, ref, selected, r.Step, len(selected.Names) <= told, tell)
}

func rotate(
	ctx context.Context, d *fleet.Driver, ref assembly.Ref, selected *fleet.Rotatable, step string, each bool,
	tell Progress,
) error {
	changed, unchanged := 0, 0
	done := func(device fleet.Rotation) {
		line := issuedLine(device)
		did := device.Issued
		if step == StepRetire {
			line, did = retiredLine(device), len(device.Removed) > 0
		}
		if did {
			changed++
		} else {
			unchanged++
		}
		if each {
			tell(line)
		}
	}
	var err error
	if step == StepIssue {
		err = d.Issue(ctx, ref, selected, done)
	} else {
		err = d.Retire(ctx, ref, selected, done)
	}
	tell(fmt.Sprintf("%d of %d devices changed, %d were so already", changed, len(selected.Names), unchanged))
	return err
}

func issuedLine(d fleet.Rotation) string {
	if !d.Issued {
		return fmt.Sprintf("device %s has two certificates already; retire the earlier one before the next rotation",
			d.Device)
	}
	return fmt.Sprintf("device %s has the new certificate %s; its credentials are updated, and the earlier "+
		"certificate stays valid", d.Device, short(d.Certificate))
}

func retiredLine(d fleet.Rotation) string {
	if len(d.Removed) == 0 {
		return fmt.Sprintf("device %s has one certificate; there is nothing to retire", d.Device)
	}
	removed := make([]string, 0, len(d.Removed))
	for _, id := range d.Removed {
		removed = append(removed, short(id))
	}
	return fmt.Sprintf("device %s keeps the certificate %s; deleted %s", d.Device, short(d.Certificate),
		strings.Join(removed, ", "))
}

// short is enough of a certificate's ID to find it.
func short(id string) string { return id[:min(len(id), 12)] }

func progressLine(p bulk.Progress) string {
	line := fmt.Sprintf("%s: %d", p.What, p.Done)
	if p.Total > 0 {
		line += fmt.Sprintf(" of %d", p.Total)
	}
	if p.Left > 0 {
		line += fmt.Sprintf(", about %s left", p.Left)
	}
	return line
}

// refuseOther returns an error if devices are named whose certificates the provider cannot make.
func refuseOther(selected *fleet.Rotatable, names []string) error {
	for _, name := range names {
		if why, ok := selected.Other[name]; ok {
			return fmt.Errorf("device %q %s, so that only its owner can rotate that: give it another one in the "+
				"configuration, or let the device register again", name, why)
		}
	}
	return nil
}
