package fleet

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// The certificates that the provider makes have a version, which the configuration counts up: for the fleet, for a
// device, or both, and the larger one counts. A device whose certificate has a lower version is given another beside
// it, as Issue does; the certificate before that one, if nobody has retired it, goes first. A certificate with a higher
// version than the configuration says is left as it is.

// generated is the source of a certificate of a version; the first is as it was before there were versions.
func generated(version int64) string {
	if version <= 1 {
		return sourceGenerated
	}
	return sourceGenerated + "-" + strconv.FormatInt(version, 10)
}

// versionOf returns the version that a certificate's source says, or 0 if the provider has not made its key.
func versionOf(source string) int64 {
	text, ok := strings.CutPrefix(source, sourceGenerated)
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "-"), 10, 64)
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// VersionOf returns the version of an observed device's certificate, or 0 if the provider has not made its key.
func VersionOf(d spec.Device) int64 {
	if d.Found == nil {
		return 0
	}
	return versionOf(d.Found.CertificateSource)
}

// wantedVersion is the least version of a device's certificate, if the provider makes that, else 0.
func wantedVersion(f spec.Fleet, name string, d spec.Device) int64 {
	if SourceOf(name, d) != sourceGenerated {
		return 0
	}
	return max(1, f.CertificateVersion, d.CertificateVersion)
}

// sourceIn is SourceOf with the version.
func sourceIn(f spec.Fleet, name string, d spec.Device) string {
	if version := wantedVersion(f, name, d); version > 0 {
		return generated(version)
	}
	return SourceOf(name, d)
}

// isDue reports whether a device needs another certificate in place of the one that it has: it has none, that was made
// from something else, or the only copy of a generated key is gone. A device behind a gateway needs none.
func isDue(f *spec.DeviceState, name string, want spec.Device) bool {
	if behindGateway(name) {
		return false
	}
	return f.CertificateID == "" || f.Interrupted || !fits(f.CertificateSource, name, want) ||
		slices.Contains(f.Lost, LostCredentials) && versionOf(f.CertificateSource) > 0
}

// isRaised reports whether a device gets a certificate of a higher version beside the one that it has.
func isRaised(f *spec.DeviceState, fleet spec.Fleet, name string, want spec.Device) bool {
	if f == nil || isDue(f, name, want) {
		return false
	}
	has := versionOf(f.CertificateSource)
	return has > 0 && has < wantedVersion(fleet, name, want)
}

// has reports whether a device has what the step is to give it, and no other run is at work.
func (i *issue) has() bool {
	m := i.t.mark
	switch {
	case m.issuing != "":
		return false
	case i.version > 0:
		return versionOf(m.source) >= i.version
	}
	return len(m.previous) > 0
}

// raise issues a certificate of a higher version, after it has removed the one before the present one. It returns false
// if the thing has to be read again.
func (r *rotation) raise(ctx context.Context, i *issue) (bool, error) {
	m := i.t.mark
	if !i.has() && m.issuing == "" && i.made.ID == "" && len(m.previous)+len(m.retired) > 0 {
		_, err := r.dropEarlier(ctx, i, map[string]bool{})
		var other *otherBundleError
		if errors.As(err, &other) { // what is begun comes first; nothing goes that a device may use
			return r.try(ctx, i)
		}
		return false, err
	}
	return r.try(ctx, i)
}
