package pipeline

import (
	"fmt"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// FollowDevices are the keys of the parts, besides the fleet, whose objects change with the devices.
var FollowDevices = []string{"rule/presence", "silence"}

// silenceDocument is what the watch function reads: how long devices may be silent, and how many there are.
func (b *builder) silenceDocument() string {
	devices := b.fleet().Devices
	s := contract.Silence{Version: contract.SilenceVersion, Minutes: *b.config.Monitoring.SilenceMinutes,
		RefreshSeconds: *b.config.DeviceState.RefreshSeconds}
	for name, d := range devices {
		if d.SilenceMinutes == 0 || d.SilenceMinutes == s.Minutes {
			continue
		}
		if s.Devices == nil {
			s.Devices = map[int64][]string{}
		}
		s.Devices[d.SilenceMinutes] = append(s.Devices[d.SilenceMinutes], name)
	}
	for _, names := range s.Devices {
		slices.Sort(names)
	}
	if b.config.Provisioning == nil && !b.hasEdge() { // devices behind gateways need not be described
		s.Described = ptr(int64(len(devices)))
	}
	return encode(s)
}

// CheckSilence reports whether the limits of all devices, of a file as well, have room in an item of the device table.
func CheckSilence(config Spec, env Env) error {
	if config.Monitoring == nil {
		return nil
	}
	if size := len(newBuilder(config, env).silenceDocument()); size > maxRulesDocument {
		return fmt.Errorf("the devices with a silence_minutes of their own take %d bytes, and a DynamoDB item holds "+
			"about %d; set monitoring.silence_minutes to what most devices have, and silence_minutes only where "+
			"it differs, or "+
			"split the pipeline", size, maxRulesDocument)
	}
	return nil
}

func (c *checker) checkOwnSilence(config Spec) {
	if config.Monitoring != nil || !c.known("monitoring") {
		return
	}
	for _, name := range sortedKeys(config.Devices) {
		if config.Devices[name].SilenceMinutes != nil {
			c.fail(at("devices", name)+".silence_minutes", "Nobody watches the devices",
				"silence_minutes says when people hear of a silent device, which needs the block monitoring. Write "+
					"monitoring = {}, or remove silence_minutes.")
		}
	}
}
