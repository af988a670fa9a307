package contract

import "strings"

// ChildSeparator is between the names of a gateway and of a device behind it, in the name of the device's thing.
const ChildSeparator = ":"

// MaxChildName is how many characters a child's own name may have, which follows the separator.
const MaxChildName = 64

// Values of GatewayAttribute: where the gateway's settings come from.
const (
	// GatewayByShadow: the pipeline writes them into the shadow EdgeShadow.
	GatewayByShadow = "true"
	// GatewayDeployed: a deployment of Greengrass brings them, and the pipeline leaves the shadow alone.
	GatewayDeployed = "deployed"
)

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

// GatewayValue is the value of EnvGateways.
const GatewayValue = "true"

// EnvGateways is an environment variable of the functions that send commands: GatewayValue if devices can be behind
// gateways.
const EnvGateways = "IOT_GATEWAYS"

// CommandTopic is where a command for a device is published. With gateways, that for a device behind one goes to the
// gateway itself: the topic rule that brings it there otherwise cannot pass on when a message expires, nor where to
// answer. Without, a device that has registered itself may have such a name.
func CommandTopic(prefix, thing string, gateways bool) string {
	if gateways && IsChild(thing) {
		return prefix + "/" + GatewayOf(thing) + "/children/" + thing + "/commands"
	}
	return TopicsOf(prefix, thing).Commands
}

// IsChild reports whether a name can be that of a device behind a gateway, whether it is described or not.
func IsChild(thing string) bool {
	gateway, child, _ := strings.Cut(thing, ChildSeparator)
	return gateway != "" && child != "" && len(child) <= MaxChildName && !strings.Contains(child, ChildSeparator)
}

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
