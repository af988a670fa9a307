package contract

import "strings"

// ChildSeparator is between the names of a gateway and of a device behind it, in the name of the device's thing.
const ChildSeparator = ":"

// MaxChildName is how many characters a child's own name may have, which follows the separator.
const MaxChildName = 64

// GatewayValue is the value of GatewayAttribute.
const GatewayValue = "true"

// EdgeShadow is the named shadow with the settings of a gateway.
const EdgeShadow = "edge"

// Sizes in bytes of the shadow EdgeShadow.
const (
	// MaxShadow is the largest shadow document, without metadata [AWS 1.3].
	MaxShadow = 8 << 10
	// MaxEdgeError is how much of an error a gateway reports.
	MaxEdgeError = 1024
)

// EdgeReported is what a gateway reports in the shadow EdgeShadow.
type EdgeReported struct {
	// Version is that of the desired state that the report is about.
	Version int64  `json:"version"`
	Status  string `json:"status"` // EdgeApplied or EdgeRejected
	// Error is null for settings that hold.
	Error *string `json:"error"`
}

// Values of EdgeReported.Status.
const (
	EdgeApplied  = "applied"
	EdgeRejected = "rejected" // the settings before hold on
)

// GatewayOf returns the gateway that a device is behind; "" for a device that connects itself.
func GatewayOf(thing string) string {
	gateway, _, behind := strings.Cut(thing, ChildSeparator)
	if !behind {
		return ""
	}
	return gateway
}

// EnvEdgeSettings is the environment variable of iot-edge with settings as JSON, whose members replace those of its
// file.
const EnvEdgeSettings = "IOT_EDGE_SETTINGS"
