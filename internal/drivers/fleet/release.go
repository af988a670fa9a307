package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// MaxReleased is how many attributes a device can have that is released without a thing type [AWS 1.3].
const MaxReleased = 3

// ReleaseError means that adopted devices cannot be released. Nothing has been changed.
type ReleaseError struct {
	Reasons map[string]string // by device
}

func (e *ReleaseError) Error() string {
	return fmt.Sprintf("%d adopted devices cannot be released: %s", len(e.Reasons), listReasons(e.Reasons))
}

// listReasons names the first devices with their reasons.
func listReasons(reasons map[string]string) string {
	names := slices.Sorted(maps.Keys(reasons))
	shown := make([]string, 0, bulk.MaxNamed)
	for _, name := range names[:min(len(names), bulk.MaxNamed)] {
		shown = append(shown, fmt.Sprintf("device %q: %s", name, reasons[name]))
	}
	return strings.Join(shown, "; ") + bulk.More(len(names))
}

// CheckRelease reports whether devices can be released, as a plan needs to know. It only reads, and leaves out what
// does not exist, is somebody else's or was not adopted. The error is a *ReleaseError if a device cannot be released.
func (d *Driver) CheckRelease(ctx context.Context, owner string, names []string) error {
	found, err := d.describeAll(ctx, names)
	if err != nil {
		return err
	}
	devices := map[string]spec.Device{}
	for name, t := range found {
		if t.owner == owner {
			devices[name] = t.device(true)
		}
	}
	return d.checkRelease(ctx, devices)
}

// checkRelease returns a *ReleaseError if one of the devices was adopted and cannot be given back: it has no thing type
// to return to, and more attributes than AWS IoT allows without one.
func (d *Driver) checkRelease(ctx context.Context, devices map[string]spec.Device) error {
	reasons, usable := map[string]string{}, map[string]bool{}
	for name, device := range devices {
		source := sourceOnThing(device)
		if !adopted(source) || len(device.Attributes) <= MaxReleased {
			continue
		}
		why, was := "it had no thing type before its adoption", typeBefore(source)
		if was != "" {
			if _, asked := usable[was]; !asked {
				out, err := bulk.Ask(ctx, d.pool, fmt.Sprintf("reading thing type %q", was),
					func(ctx context.Context) (*iot.DescribeThingTypeOutput, error) {
						return d.c.IoT().DescribeThingType(ctx, &iot.DescribeThingTypeInput{ThingTypeName: &was})
					})
				if err != nil && !awsapi.IsNotFound(err) {
					return err
				}
				usable[was] = err == nil && (out.ThingTypeMetadata == nil || !out.ThingTypeMetadata.Deprecated)
			}
			if usable[was] {
				continue
			}
			why = fmt.Sprintf("its thing type before the adoption, %q, is gone or deprecated", was)
		}
		reasons[name] = fmt.Sprintf("%s, and without one a thing can have %d attributes; it has %d (%s)", why,
			MaxReleased, len(device.Attributes), strings.Join(slices.Sorted(maps.Keys(device.Attributes)), ", "))
	}
	if len(reasons) > 0 {
		return &ReleaseError{Reasons: reasons}
	}
	return nil
}

// checkReleases is checkRelease for devices that a run removes.
func (r *run) checkReleases(ctx context.Context, names []string) error {
	if !r.d.opts.KeepAdopted {
		return nil
	}
	devices := map[string]spec.Device{}
	for _, name := range names {
		devices[name] = r.have.Devices[name]
	}
	return r.d.checkRelease(ctx, devices)
}

// Unreleasable are the devices that CheckAdoption has found fit and that could not be released as they are described:
// their things have no thing type, and they get more attributes than AWS IoT allows without one.
func (d *Driver) Unreleasable(devices map[string]spec.Device) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for name, c := range d.candidates {
		if len(c.ids) > 0 && c.t.thingType == "" && len(devices[name].Attributes) > MaxReleased {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// typeBefore is the thing type that a device had before its adoption, if any.
func typeBefore(source string) string { return strings.TrimPrefix(source, sourceAdopted) }

// sourceOnThing is the source on the mark of a device's thing, also if that certificate is gone.
func sourceOnThing(device spec.Device) string { return readMark(device.Found.Entry.Mark).source }

// releases reports whether a removal leaves a device's thing and certificates to whoever owned them before.
func (r *run) releases(name string) bool {
	return r.d.opts.KeepAdopted && adopted(sourceOnThing(r.have.Devices[name]))
}

// madeInPlace are the certificates that an interrupted run has made in place of adopted ones.
func (r *run) madeInPlace(ctx context.Context, name string) ([]string, error) {
	have := r.have.Devices[name]
	if m := markOf(have); m.pending {
		all, err := r.oldCertificates(ctx, name, true, have)
		return slices.DeleteFunc(all, func(id string) bool {
			return id == m.id || slices.Contains(m.previous, id)
		}), err
	}
	return nil, nil
}

// releaseThing takes the owner and the mark from a thing and gives it back the type that it had. Absent is success.
func (r *run) releaseThing(ctx context.Context, name string) error {
	have := r.have.Devices[name]
	was := typeBefore(sourceOnThing(have))
	if was != "" && was != have.Found.ThingType {
		err := r.returnThing(ctx, name, have.Attributes, was)
		if err == nil || !awsapi.IsNotFound(err) && !awsapi.Is(err, "InvalidRequestException") {
			return err
		}
		// The type is gone or deprecated.
	}
	err := r.returnThing(ctx, name, have.Attributes, "")
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// returnThing writes the attributes of a thing without ours, and its type; without one, it removes the type.
func (r *run) returnThing(ctx context.Context, name string, attributes map[string]string, thingType string) error {
	if attributes == nil {
		attributes = map[string]string{}
	}
	in := &iot.UpdateThingInput{ThingName: &name, ThingTypeName: optional(thingType), RemoveThingType: thingType == "",
		AttributePayload: &types.AttributePayload{Attributes: attributes}}
	return r.pool.Call(ctx, "releasing the thing", func(ctx context.Context) error {
		_, err := r.d.c.IoT().UpdateThing(ctx, in)
		return err
	})
}
