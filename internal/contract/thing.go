package contract

// Attributes of a pipeline's things. A device may not use them for itself, which leaves it 48 of AWS's 50, and a
// gateway 47 [AWS 1.3 attributes per thing].
const (
	// OwnerAttribute holds the owner token. A device may use no attribute that begins with this name.
	OwnerAttribute = "iot-pipeline"
	// CertificateAttribute says which certificate is the device's; the fleet driver defines its value.
	CertificateAttribute = "iot-pipeline-certificate"
	// GatewayAttribute is on things that are gateways, with the value GatewayByShadow or
	// GatewayDeployed.
	GatewayAttribute = "iot-pipeline-gateway"
	// RegisteredAttribute is on things that registered themselves and says how. They carry OwnerAttribute too and
	// belong to the pipeline, but its configuration does not name them.
	RegisteredAttribute = "iot-pipeline-registered"
)

// Values of RegisteredAttribute.
const (
	RegisteredByClaim = "claim"
	RegisteredByJITP  = "jitp"
)

// ClaimUnit is the second organizational unit of a claim certificate's subject; the first is the owner token. It
// distinguishes claim certificates from device certificates that a run created and lost.
const ClaimUnit = "claim"
