package pipeline

import (
	"maps"
	"reflect"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Changed gives the sorted keys of the parts that are in one list only, or whose
// wanted object differs between the two. The records stand for what both find
// upstream; a part whose upstream is not recorded counts as changed.
func Changed(before, after []assembly.Part, records []assembly.Record) []string {
	recorded := make(map[string]assembly.Record, len(records))
	for _, r := range records {
		recorded[r.Key] = r
	}
	old := make(map[string]assembly.Part, len(before))
	for _, p := range before {
		old[p.Key] = p
	}
	var keys []string
	for _, p := range after {
		if o, found := old[p.Key]; !found || !same(o, p, recorded) {
			keys = append(keys, p.Key)
		}
		delete(old, p.Key)
	}
	for key := range old {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func same(a, b assembly.Part, recorded assembly.Upstream) bool {
	if a.Kind != b.Kind || a.Name != b.Name || a.ARN != b.ARN || !slices.Equal(a.Needs, b.Needs) {
		return false
	}
	wantA, errA := a.Want(recorded)
	wantB, errB := b.Want(recorded)
	return errA == nil && errB == nil && reflect.DeepEqual(plain(wantA), plain(wantB))
}

// plain leaves out what is not compared: a function's code is known by its sum, and an adoption is no property of a
// device.
func plain(want any) any {
	switch typed := want.(type) {
	case spec.Function:
		typed.Code = nil
		return typed
	case spec.Component:
		typed.Artifacts = nil // their digests are in the recipe
		return typed
	case spec.Fleet:
		if !slices.ContainsFunc(slices.Collect(maps.Values(typed.Devices)), adopts) {
			return typed
		}
		typed.Devices = maps.Clone(typed.Devices)
		for name, device := range typed.Devices {
			device.Adopt = nil
			typed.Devices[name] = device
		}
		return typed
	}
	return want
}

func adopts(d spec.Device) bool { return d.Adopt != nil }
