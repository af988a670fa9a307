package spec

// Fleet is all devices of a pipeline, made real in bulk. Ref.ID is the thing group's name.
type Fleet struct {
	ThingGroup string
	ThingType  string
	Devices    map[string]Device // by thing name, which is also the MQTT client id
	// CertificateVersion is the least version of the certificates that the provider makes; 0 is 1.
	CertificateVersion int64
	// Store says where credential bundles go.
	Store CredentialsStore
	// Endpoint and Topics are in each bundle so that a device needs nothing else.
	Endpoint    string
	TopicPrefix string
	Tags        map[string]string // on credential bundles
	// GatewaySettings is the desired state of the shadow contract.EdgeShadow of every gateway, as JSON. If it is "",
	// gateways get their settings in another way, and the shadow is not the pipeline's.
	GatewaySettings string
}

// Device is one wanted device. With neither CSR nor certificate a key pair is made for it and kept in the credentials
// store only. A device behind a gateway, which contract.GatewayOf tells by its name, has no certificate.
type Device struct {
	Attributes     map[string]string
	CSRPEM         string
	CertificatePEM string
	Disabled       bool
	// Gateway says that the device speaks for the devices behind it.
	Gateway bool
	// Adopt names objects of the account that nobody owns and that become this device's; nil: none.
	Adopt *Adoption
	// CertificateVersion is that of the fleet for this device, if it is larger.
	CertificateVersion int64
	// SilenceMinutes is how long the device may be silent; 0: as long as others. The registry does not have it.
	SilenceMinutes int64
	// Found is what an observed device has beyond its arguments; nil in a wanted device.
	Found *DeviceState
}

// Adoption names the thing and the certificates that a device takes over. It says nothing about a device that is the
// pipeline's own already.
type Adoption struct {
	ThingARN       string
	CertificateIDs []string // all that are attached to the thing; the first is the present one
}

// DeviceState is what is observed of a device beyond its arguments.
type DeviceState struct {
	// Entry is what the registry has of the thing; zero if that was not read.
	Entry     ThingEntry
	ThingType string
	InGroup   bool
	// Adopting says that the thing is nobody's yet, and that the device is to take it over.
	Adopting bool
	// CertificateID is empty while the device has no finished certificate.
	CertificateID string
	// CertificateSource says what the certificate was made from: "generated" (from version 2 on with "-" and the
	// version), "csr-" and a digest of the request, "own-" and the ID of the given certificate, or "adopted-" and the
	// thing type before the adoption. It is NoCertificate for a device behind a gateway.
	CertificateSource string
	// Retired are IDs of certificates that a newer one has replaced and that still have to be removed.
	Retired []string
	// Previous are IDs of certificates that a newer one has followed and that stay valid until somebody retires them.
	Previous []string
	// Issuing identifies the run that issues a certificate beside the present one, or was interrupted while it did.
	Issuing string
	// Raised is the version of the certificate that is being issued, if it is a higher one.
	Raised int64
	// Interrupted says that a certificate was being replaced when a run ended.
	Interrupted bool
	// Begun is when the creation of the certificate began that is not finished, in Unix seconds; 0 if none is under way
	// or the thing does not say.
	Begun int64
	// Settled says that the thing is a gateway whose settings are in its shadow contract.EdgeShadow.
	Settled bool
	// Settings is the desired state of this shadow, as JSON; "" if there is none.
	Settings string
	// Refused is why the gateway does not take these settings, in its own words; "" if it does, or has not said.
	Refused string
	// Lost names what an opt-in deep check found missing: "attachment", "credentials".
	Lost []string
}

// ThingEntry is what a write to the registry may be made conditional on.
type ThingEntry struct {
	Version int64
	Mark    string // the attribute that says which certificates the device has
}

// NoCertificate is the CertificateSource of a device that has no certificate, because a gateway speaks for it.
const NoCertificate = "none"

// Finished reports whether the device has its certificate, or needs none.
func (s *DeviceState) Finished() bool {
	return s.CertificateID != "" || s.CertificateSource == NoCertificate
}

// CredentialsStore is where a device's bundle is kept.
type CredentialsStore struct {
	Kind     string // "ssm", "secretsmanager" or "s3"
	Path     string // bundle name is Path + "/" + thing
	KMSKeyID string // empty: the account's default key of the service; the bucket has its own
	Bucket   string // with "s3"
}

// DeviceIdentity is what AWS made of a device.
type DeviceIdentity struct {
	ThingARN       string
	CertificateARN string
	CertificateID  string
	// CertificateVersion is 0 if the provider has not made the key, or the certificate is not finished.
	CertificateVersion int64
	// Credentials is the ARN of the parameter or secret with the device's bundle.
	Credentials string
}
