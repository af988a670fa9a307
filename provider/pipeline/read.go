package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/s3bucket"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
)

// Read observes every recorded part and device. The status of a part shows how it differs from the description; the
// attribute devices shows the devices as they are.
func (r *resourceType) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	m, err := newModel(req.State.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Reading the state", err.Error())
		return
	}
	identityOf(m, r.connection).write(resp.Identity, &resp.Diagnostics)
	if r.connection != nil && r.connection.Clients == nil {
		resp.Diagnostics.AddWarning(fmt.Sprintf("Pipeline %q was not read", m.spec.Name),
			"The provider block depends on values that are not known yet. The state is unchanged.")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, m.limit("read", readTimeout))
	defer cancel()
	s, err := openRead(ctx, r.connection, m)
	if err != nil {
		resp.Diagnostics.AddError(tfdiag.Summary(fmt.Sprintf("Reading pipeline %q failed", m.spec.Name), err),
			tfdiag.Detail(err, "Nothing was changed."))
		return
	}
	observed, failed := s.observe(ctx)
	if failed != nil {
		tfdiag.Failure(&resp.Diagnostics, failed, tfdiag.Run{Doing: "Reading", Name: m.spec.Name})
		return
	}
	if gone(observed) {
		resp.State.RemoveResource(ctx)
		return
	}
	s.observeDevices()
	s.warnRefusals(&resp.Diagnostics)
	left, err := s.observeFile(ctx, observed)
	addError(&resp.Diagnostics, "Writing the state", errors.Join(err, m.setRegistered(s.fleet.Registered())))
	resp.Diagnostics.Append(keepPending(ctx, resp.Private, left)...)
	resp.Diagnostics.Append(s.keepAdopted(ctx, resp.Private)...)
	resp.Diagnostics.Append(keepMissed(ctx, resp.Private, missedOf(s.fleet.Observed()))...)
	resp.Diagnostics.Append(keepEarlier(ctx, resp.Private, s.fleet.Observed())...)
	resp.Diagnostics.Append(keepDrain(ctx, resp.Private, m.spec, observed, false)...)
	s.save(&resp.State, &resp.Diagnostics, observed)
}

// openRead prepares a read. An import reads the devices first, because the manifest does not hold them.
func openRead(ctx context.Context, conn *connection.Connection, m *model) (*session, error) {
	s, err := newSession(ctx, conn, m, options{purpose: reading})
	if err != nil || !m.imported() || m.fromFile() {
		return s, err
	}
	if _, err := s.fleet.Observe(ctx, assembly.Ref{Name: s.model.spec.Name, Owner: s.env.Owner}); err != nil {
		return nil, err
	}
	s.observeDevices()
	if err := m.describe(); err != nil {
		return nil, err
	}
	return newSession(ctx, conn, m, options{purpose: reading})
}

// observe reads the recorded parts, and the objects that an interrupted run made but did not record. After an import,
// which has no records, it reads every part of the description.
func (s *session) observe(ctx context.Context) ([]assembly.Record, error) {
	if s.model.imported() {
		found, err := s.discover(ctx)
		if err != nil {
			return nil, err
		}
		return s.compareAgain(ctx, found)
	}
	records, err := s.model.records()
	if err != nil {
		return nil, err
	}
	seen, err := s.engine.Observe(ctx, s.parts, records)
	if err != nil {
		return nil, err
	}
	return s.find(ctx, seen)
}

// discover finds parts by name, in rounds, because a part may depend on what another one is, such as the URL of a
// queue. Parts that depend on something missing count as missing; an apply looks for them again.
func (s *session) discover(ctx context.Context) ([]assembly.Record, error) {
	var found []assembly.Record
	for left := s.parts; len(left) > 0; {
		var now, later []assembly.Part
		records := slices.Clone(found)
		for _, p := range left {
			if _, err := p.Want(byKey(found)); err != nil {
				later = append(later, p)
				continue
			}
			now, records = append(now, p), append(records, notFound(p))
		}
		if len(now) == 0 {
			for _, p := range later {
				found = append(found, notFound(p))
			}
			return found, nil
		}
		var err error
		if found, err = s.engine.Observe(ctx, now, records); err != nil {
			return nil, err
		}
		left = later
	}
	return found, nil
}

// compareAgain reads once more the parts that differ from the description: what some of them should be depends on parts
// that were found after them, such as a policy that names the secret of a database.
func (s *session) compareAgain(ctx context.Context, found []assembly.Record) ([]assembly.Record, error) {
	recorded := byKey(found)
	differ := slices.DeleteFunc(slices.Clone(s.parts), func(p assembly.Part) bool {
		return !strings.HasPrefix(string(recorded[p.Key].Status), string(assembly.Drifted))
	})
	if len(differ) == 0 {
		return found, nil
	}
	return s.engine.Observe(ctx, differ, found)
}

// notFound is the record of a part before it is found. Facts that AWS does not keep come from the description.
func notFound(p assembly.Part) assembly.Record {
	record := assembly.Record{
		Key:    p.Key,
		Kind:   p.Kind,
		Name:   p.Name,
		ARN:    p.ARN,
		Needs:  p.Needs,
		Status: assembly.Missing,
	}
	if want, err := p.Want(nil); err == nil {
		if bucket, ok := want.(spec.Bucket); ok {
			record.Outputs = s3bucket.Outputs(bucket)
		}
	}
	return record
}

// gone reports whether nothing of the pipeline is left, or only objects of other owners under its names.
func gone(records []assembly.Record) bool {
	for _, r := range records {
		if r.Status != assembly.Missing && r.Status != assembly.Foreign && r.Kind != spec.KindFleet {
			return false
		}
	}
	return true
}

// observeDevices replaces the described devices by the observed ones.
func (s *session) observeDevices() {
	observed := s.fleet.Observed()
	if observed == nil || s.model.fromFile() {
		return
	}
	described, _ := s.model.tree["devices"].(map[string]any)
	if described == nil && len(observed) == 0 {
		return
	}
	devices := make(map[string]any, len(observed))
	for name, have := range observed {
		was, _ := described[name].(map[string]any)
		devices[name] = observedDevice(was, s.model.spec.Devices[name], have)
		if version := fleet.VersionOf(have); was == nil && version > fleetVersion(s.model.spec) {
			devices[name] = with(devices[name], "certificate_version", numeral(version)) // it must be its own
		}
		if undone(have.Found) {
			s.undone = append(s.undone, name)
		}
	}
	s.model.tree["devices"] = devices
}

// observedDevice changes only what differs, so that an attribute that the user did not write stays null.
func observedDevice(was map[string]any, described pipeline.DeviceSpec, have spec.Device) map[string]any {
	device := map[string]any{
		"attributes": was["attributes"], "enabled": !have.Disabled,
		"csr_pem":         pem(was["csr_pem"], have.CSRPEM),
		"certificate_pem": pem(was["certificate_pem"], have.CertificatePEM),
		"silence_minutes": was["silence_minutes"], // the registry does not have it
		"gateway":         nil,
		// The registry has a version as well, but not whether it is the fleet's or the device's.
		"certificate_version": was["certificate_version"],
	}
	if have.Gateway {
		device["gateway"] = map[string]any{}
	}
	if !maps.Equal(described.Attributes, have.Attributes) {
		attributes := make(map[string]any, len(have.Attributes))
		for key, value := range have.Attributes {
			attributes[key] = value
		}
		device["attributes"] = attributes
	}
	return device
}

// pem returns the recorded request or certificate as long as AWS has the same one.
func pem(was any, have string) any {
	if have == "" {
		return nil
	}
	if was == nil {
		return have
	}
	return was
}
