package spec

// Types of a provisioning template, in AWS's words [AWS 4 Types].
const (
	TemplateFleetProvisioning = "FLEET_PROVISIONING"
	TemplateJITP              = "JITP"
)

// ProvisioningTemplate is an enabled AWS IoT provisioning template. Ref.ID is its name.
type ProvisioningTemplate struct {
	Type        string // cannot be changed once made
	Description string
	Body        string // JSON; compared by meaning
	RoleARN     string
	HookARN     string // function that is asked before each registration; empty: none
	Tags        map[string]string
	Disabled    bool // only observed: a wanted template is enabled
}

// ClaimCertificate is a certificate with which devices that have none of their own may ask for one. The key pair is
// made by the provider; certificate, key and endpoint are kept in the credentials store only. Ref.ID is the
// certificate's ID, or the bundle's name while there is no certificate yet.
type ClaimCertificate struct {
	// Subject is the certificate's common name without the version, which follows it after a hyphen. Both together
	// have at most 64 characters (X.520).
	Subject string
	// Version is a number of the user's; another one makes another certificate and removes the one before.
	Version int64
	Policy  string // name of the policy that is attached to it
	// Store says where the bundle goes; Path is the bundle's whole name, which is the part's name too.
	Store    CredentialsStore
	Endpoint string            // host name, for the bundle
	Template string            // name of the provisioning template, for the bundle
	Tags     map[string]string // on the bundle
	// What is only observed: a wanted certificate is active and whole, and the one before it is gone.
	Inactive   bool
	Lost       bool // certificate or key is gone, so that another pair has to be made
	Unfinished bool // a run has ended between two certificates
}

// CACertificate is a certificate authority whose device certificates are registered when they first connect, by a
// provisioning template of type JITP. It is registered in the mode SNI_ONLY, which needs no proof of its key. Ref.ID is
// the certificate's ID: the SHA-256 of its DER form in hex.
type CACertificate struct {
	CertificatePEM string
	Template       string // name of the provisioning template
	// RoleARN is the role of the registrations. Empty: the template's own, which is how AWS documents a template by
	// name.
	RoleARN  string
	Tags     map[string]string
	Inactive bool // only observed: a wanted one is active and registers devices
}
