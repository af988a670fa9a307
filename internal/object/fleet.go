package object

// Fleet is all devices of a pipeline, made real in bulk. Ref.ID is the thing group's name.
type Fleet struct {
	ThingGroup string
	ThingType  string
	Devices    map[string]Device // by thing name, which is also the MQTT client id
	// Store says where credential bundles go.
	Store CredentialsStore
	// Endpoint and Topics stand in each bundle so that a device needs nothing else.
	Endpoint    string
	TopicPrefix string
	Tags        map[string]string // on credential bundles
}

// Device is one wanted device. With neither CSR nor certificate a key pair is
// made for it and kept in the credentials store only.
type Device struct {
	Attributes     map[string]string
	CSRPEM         string
	CertificatePEM string
	Disabled       bool
}

// CredentialsStore is where a device's bundle is kept.
type CredentialsStore struct {
	Kind     string // "ssm" or "secretsmanager"
	Path     string // bundle name is Path + "/" + thing
	KMSKeyID string // empty: the account's default key of the service
}

// DeviceIdentity is what AWS made of a device.
type DeviceIdentity struct {
	ThingARN       string `json:"thing_arn"`
	CertificateARN string `json:"certificate_arn"`
	CertificateID  string `json:"certificate_id"`
	// Credentials is the ARN of the parameter or secret with the device's bundle.
	Credentials string `json:"credentials"`
}
