package contract

import "strings"

// ChildSeparator is between the names of a gateway and of a device behind it, in the name of the device's thing.
const ChildSeparator = ":"

// MaxChildName is how many characters a child's own name may have, which follows the separator.
const MaxChildName = 64

// GatewayValue is the value of GatewayAttribute.
const GatewayValue = "true"

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
