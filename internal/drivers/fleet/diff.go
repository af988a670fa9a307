package fleet

import (
	"maps"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Plan says which devices an apply would touch; each list is sorted.
type Plan struct {
	Added, Changed, Removed []string
	// Rotated are those of Changed that get a certificate of a higher version beside the one that they have.
	Rotated []string
}

// Compare returns what an apply would do. It makes no call. Changes of what all bundles hold
// (store, endpoint, topics) are not in it, see Diff.
func Compare(have, want spec.Fleet) Plan {
	var p Plan
	for name, w := range want.Devices {
		h, ok := have.Devices[name]
		switch {
		case !ok:
			p.Added = append(p.Added, name)
		case differs(name, h, w, want):
			p.Changed = append(p.Changed, name)
			if isRaised(h.Found, want, name, w) {
				p.Rotated = append(p.Rotated, name)
			}
		}
	}
	for name := range have.Devices {
		if _, ok := want.Devices[name]; !ok {
			p.Removed = append(p.Removed, name)
		}
	}
	slices.Sort(p.Added)
	slices.Sort(p.Changed)
	slices.Sort(p.Removed)
	slices.Sort(p.Rotated)
	return p
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind {
	return assembly.Kind{Outputs: true}
}

// Diff lists what differs, in the words of the schema: first what concerns all bundles, then per device in order of
// name, such as `devices["soil-001"].attributes`; an added or removed device is one change `devices["soil-001"]`. What
// have does not know (empty endpoint, topic prefix, store; nil tags) is not compared.
func (d *Driver) Diff(have, want spec.Fleet) []assembly.Change {
	var changes []assembly.Change
	for _, field := range bundleChanges(have, want) {
		changes = append(changes, assembly.Change{Field: field})
	}
	plan := Compare(have, want)
	names := slices.Concat(plan.Added, plan.Changed, plan.Removed)
	slices.Sort(names)
	for _, name := range names {
		prefix := `devices["` + name + `"]`
		h, existed := have.Devices[name]
		w, wanted := want.Devices[name]
		if !existed || !wanted {
			changes = append(changes, assembly.Change{Field: prefix})
			continue
		}
		for _, field := range fields(name, h, w, want) {
			changes = append(changes, assembly.Change{Field: prefix + "." + field})
		}
	}
	return changes
}

// bundleChanges names the changes that concern every bundle.
func bundleChanges(have, want spec.Fleet) []string {
	var changed []string
	if have.Store.Kind != "" {
		if have.Store.Kind != want.Store.Kind {
			changed = append(changed, "credentials.store")
		}
		if have.Store.Path != want.Store.Path {
			changed = append(changed, "credentials.path")
		}
		if have.Store.KMSKeyID != want.Store.KMSKeyID {
			changed = append(changed, "credentials.kms_key_id")
		}
	}
	if have.Endpoint != "" && have.Endpoint != want.Endpoint {
		changed = append(changed, "mqtt_endpoint")
	}
	if have.TopicPrefix != "" && have.TopicPrefix != want.TopicPrefix {
		changed = append(changed, "topic_prefix")
	}
	if have.Tags != nil && !maps.Equal(have.Tags, want.Tags) {
		changed = append(changed, "tags")
	}
	return changed
}

// differs reports whether fields names any difference, without making a list.
func differs(name string, have, want spec.Device, fleet spec.Fleet) bool {
	if have.Disabled != want.Disabled || have.Gateway != want.Gateway || !maps.Equal(have.Attributes, want.Attributes) {
		return true
	}
	f := have.Found
	if f == nil {
		return SourceOf(name, have) != SourceOf(name, want)
	}
	return f.ThingType != fleet.ThingType || !f.InGroup || unfinished(f) || len(f.Lost) > 0 ||
		unsettled(f, fleet, want) || !fits(f.CertificateSource, name, want) ||
		isRaised(f, fleet, name, want)
}

// unfinished reports whether a run ended, or is under way, between two certificates of a device.
func unfinished(f *spec.DeviceState) bool {
	return !f.Finished() || f.Interrupted || f.Issuing != "" || len(f.Retired) > 0
}

// fields names what differs between the observed and the desired device.
func fields(name string, have, want spec.Device, fleet spec.Fleet) []string {
	if have.Found != nil && have.Found.Adopting {
		return []string{"adopt"}
	}
	var changed []string
	if !maps.Equal(have.Attributes, want.Attributes) {
		changed = append(changed, "attributes")
	}
	if have.Gateway != want.Gateway {
		changed = append(changed, "gateway")
	}
	source := SourceOf(name, have)
	if f := have.Found; f != nil {
		source = f.CertificateSource
		if f.ThingType != fleet.ThingType {
			changed = append(changed, "thing_type")
		}
		if !f.InGroup {
			changed = append(changed, "thing_group")
		}
		if have.Gateway == want.Gateway && unsettled(f, fleet, want) {
			changed = append(changed, "settings")
		}
		if slices.Contains(f.Lost, LostCredentials) {
			changed = append(changed, "credentials")
		}
		if unfinished(f) || slices.Contains(f.Lost, LostAttachment) {
			return append(changed, "certificate") // whether it is enabled is part of that
		}
	}
	if !fits(source, name, want) {
		changed = append(changed, sourceField(source, SourceOf(name, want)))
	} else if isRaised(have.Found, fleet, name, want) {
		changed = append(changed, "certificate_version")
	}
	if have.Disabled != want.Disabled {
		changed = append(changed, "enabled")
	}
	return changed
}

// sourceField names the argument that a change of a certificate's source comes from.
func sourceField(have, want string) string {
	source := want
	if have == sourceNone || want == sourceNone {
		return "certificate" // somebody has changed the mark
	}
	if want == sourceGenerated {
		source = have
	}
	if strings.HasPrefix(source, sourceOwn) {
		return "certificate_pem"
	}
	return "csr_pem"
}
