package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// A higher certificate_version gives devices another certificate. Of the devices in the map, the state knows the
// version of each, so that a plan names those that it rotates; of a file, the comparison with the registry does.

// wantedVersion is the certificate_version that a device of the map is to have; false if it is not known yet.
func (m *model) wantedVersion(device string) (int64, bool) {
	version, known := fleetVersion(m.spec), true
	for _, tree := range []any{
		member(m.tree["credentials"], "certificate_version"),
		member(member(m.tree["devices"], device), "certificate_version"),
	} {
		known = known && !tfvalue.IsUnknown(tree)
	}
	if own := m.spec.Devices[device].CertificateVersion; own != nil {
		version = max(version, *own)
	}
	return version, known && !tfvalue.IsUnknown(m.tree["credentials"])
}

// fleetVersion is credentials.certificate_version.
func fleetVersion(s pipeline.Spec) int64 {
	if s.Credentials == nil || s.Credentials.CertificateVersion == nil {
		return *pipeline.CertificateVersion.Default
	}
	return *s.Credentials.CertificateVersion
}

// predictVersion completes the planned identity of a device: it gets another certificate if it has one of a lower
// version. was is its identity in the state, or nil.
func (p *planner) predictVersion(name string, was, identity map[string]any) {
	device := member(p.planned.tree["devices"], name)
	if tfvalue.IsUnknown(device) || tfvalue.IsUnknown(member(device, "csr_pem")) ||
		tfvalue.IsUnknown(member(device, "certificate_pem")) {
		identity["certificate_version"] = tfvalue.Unknown
		return
	}
	d := p.planned.spec.Devices[name]
	if d.CSRPEM != nil || d.CertificatePEM != nil {
		identity["certificate_version"] = nil
		return
	}
	version, known := p.planned.wantedVersion(name)
	stays := !tfvalue.IsUnknown(identity["certificate_id"]) // as far as its source goes
	switch has := versionOf(was); {
	case !known && !p.adopted[name]:
		identity["certificate_version"] = tfvalue.Unknown
		if stays {
			identity["certificate_id"] = tfvalue.Unknown
		}
	case p.adopted[name] && stays: // which only a request or certificate of its own replaces
		identity["certificate_version"] = nil
	case !stays && member(p.priorTree("identities"), name) == nil && (p.prior == nil || !p.prior.fromFile()) &&
		member(member(p.config.tree["devices"], name), "adopt") == nil: // a new device
		identity["certificate_version"] = numeral(version)
	case !stays: // what has been begun may have another version, and what is adopted has none
		identity["certificate_version"] = tfvalue.Unknown
	case has < version:
		identity["certificate_id"], identity["certificate_version"] = tfvalue.Unknown, numeral(version)
		p.rotated = append(p.rotated, name)
	default:
		identity["certificate_version"] = numeral(has)
	}
}

// numeral is a number of a tree.
func numeral(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }

// versionOf is the version in a recorded identity; one that was recorded before there were versions has the first.
func versionOf(identity map[string]any) int64 {
	if text, ok := identity["certificate_version"].(json.Number); ok {
		if n, err := text.Int64(); err == nil {
			return n
		}
	}
	return 1
}

const earlierKey = "earlier-certificates"

// keepEarlier stores in the private state which devices have an earlier certificate that is still valid.
func keepEarlier(ctx context.Context, to private, devices map[string]spec.Device) diag.Diagnostics {
	var names []string
	for name, device := range devices {
		if fleet.VersionOf(device) > 0 && len(device.Found.Previous) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	text, err := json.Marshal(deviceList{Count: len(names), First: names[:min(len(names), maxNamed)]})
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Writing the state", err.Error())}
	}
	return to.SetKey(ctx, earlierKey, text)
}

// warnRotated names the devices that get another certificate, and says what becomes of those that they have.
func (p *planner) warnRotated(ctx context.Context) {
	count := p.load.Rotated
	if count == 0 || p.prior == nil {
		return
	}
	slices.Sort(p.rotated)
	text := fmt.Sprintf("They get another key and certificate: %s. Their present certificates stay valid until "+
		"somebody retires them (action iot_rotate_certificates or iotctl rotate, step retire) or the version rises "+
		"again.", firstOf(count, p.rotated))
	var earlier deviceList
	kept, diags := p.private.GetKey(ctx, earlierKey)
	if !diags.HasError() && kept != nil && json.Unmarshal(kept, &earlier) == nil && earlier.Count > 0 {
		text += fmt.Sprintf("\n\nDevices with an earlier certificate that nobody has retired: %s. The apply deletes "+
			"that certificate of each that it rotates. A device that has not fetched its credentials since the last "+
			"rotation can then no longer connect.", firstOf(earlier.Count, earlier.First))
	}
	summary := fmt.Sprintf("The certificates of %d devices of pipeline %q will be rotated", count,
		p.planned.spec.Name)
	if count == 1 {
		summary = fmt.Sprintf("The certificate of a device of pipeline %q will be rotated", p.planned.spec.Name)
	}
	p.warnings.AddAttributeWarning(path.Root("credentials"), summary, text)
}

// firstOf names the first of so many devices.
func firstOf(count int, first []string) string {
	shown := first[:min(len(first), maxNamed)]
	text := strings.Join(shown, ", ")
	if more := count - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// warnLowered warns that a lower version changes nothing.
func (p *planner) warnLowered() {
	if p.prior == nil {
		return
	}
	var lines []string
	was, now := fleetVersion(p.prior.spec), fleetVersion(p.planned.spec)
	if now < was && !touches(p.planned.unknown, "credentials") {
		lines = append(lines, fmt.Sprintf("- credentials: from %d to %d", was, now))
	}
	for name, d := range p.planned.spec.Devices {
		was := p.prior.spec.Devices[name].CertificateVersion
		now, known := p.planned.wantedVersion(name)
		if was != nil && known && now < *was && d.CSRPEM == nil && d.CertificatePEM == nil {
			lines = append(lines, fmt.Sprintf("- device %s: from %d to %d", name, *was, now))
		}
	}
	if len(lines) == 0 {
		return
	}
	slices.Sort(lines)
	p.warnings.AddAttributeWarning(path.Root("credentials"), "A lower certificate_version changes nothing",
		"Devices keep the certificates that they have, and a version rotates those that have a lower one. To rotate "+
			"again, write a version above the highest before. Lowered:\n"+
			strings.Join(lines[:min(len(lines), maxNamed)], "\n"))
}
