// Package status reads what devices publish on <prefix>/<thing>/status. Package envelope gets it out of a record.
//
// It is for the project's functions and for anyone who writes a processor of their own. It must not know where the
// messages go.
package status

import (
	"encoding/json"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// Unknown is the reason of a status message that cannot be read.
const Unknown = telemetry.Reason("unknown_status")

// What State returns.
const (
	Online  = "online"
	Offline = "offline"
)

// State reads what devices send: online or offline, as plain text, as a JSON string, as the member "status" or "state"
// of an object, or as its Boolean member "online" or "connected". For anything else, the error is a *telemetry.Error.
func State(payload []byte) (string, error) {
	var object struct {
		Status, State     string
		Online, Connected *bool
	}
	unknown := &telemetry.Error{Reason: Unknown, Detail: "the payload says neither online nor offline"}
	text := strings.TrimSpace(string(payload))
	if strings.HasPrefix(text, "{") {
		if json.Unmarshal(payload, &object) != nil {
			return "", unknown
		}
		for _, yes := range []*bool{object.Online, object.Connected} {
			switch {
			case yes == nil:
			case *yes:
				return Online, nil
			default:
				return Offline, nil
			}
		}
		if text = object.Status; text == "" {
			text = object.State
		}
	}
	switch strings.ToLower(strings.Trim(text, `"`)) {
	case Online:
		return Online, nil
	case Offline:
		return Offline, nil
	}
	return "", unknown
}
