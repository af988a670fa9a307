package pipeline

// ProvisioningSpec lets devices register themselves. At least one way is written.
type ProvisioningSpec struct {
	Claim *ClaimSpec `json:"claim,omitzero"`
	JITP  *JITPSpec  `json:"jitp,omitzero"`
}

// ClaimSpec is AWS IoT's fleet provisioning by claim: all devices leave the factory with one claim certificate, with which each
// asks for a certificate of its own. A serial must be on the allow-list.
type ClaimSpec struct {
	ThingNamePrefix *string `json:"thing_name_prefix,omitzero"` // before the serial; nil: none
	// Attributes are parameters of the registration that become attributes of the thing. Each must get a value from the device or
	// from the allow-list.
	Attributes []string `json:"attributes,omitzero"`
	// CertificateVersion makes another claim certificate when it changes; nil: 1.
	CertificateVersion *int64 `json:"certificate_version,omitzero"`
}

// JITPSpec is just-in-time provisioning: devices that have a certificate of the given authority are registered when they first connect.
type JITPSpec struct {
	CACertificatePEM string  `json:"ca_certificate_pem"`
	ThingNamePrefix  *string `json:"thing_name_prefix,omitzero"` // before the certificate's common name; nil: none
}
