package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// childPattern is the name of a device behind a gateway: that of the gateway, a colon, and its own.
var childPattern = regexp.MustCompile(fmt.Sprintf(`^[a-zA-Z0-9_-]+:[a-zA-Z0-9_-]{1,%d}$`, contract.MaxChildName))

// claimGateway would have children with the client IDs of devices that register themselves by a claim certificate.
var claimGateway = strings.TrimSuffix(contract.ClaimClientPrefix, contract.ChildSeparator)

// checkChild checks what a device behind a gateway may have: a thing, but no identity of its own.
func (c *checker) checkChild(path, name string, d DeviceSpec) {
	if !childPattern.MatchString(name) || len(name) > maxThingName {
		c.fail(path, fmt.Sprintf("Device name %s is not valid", excerpt(name)),
			"A colon is between the name of a gateway and that of a device behind it, such as gw-1:soil-1. Both "+
				"consist of letters, digits, hyphens and underscores; the second has at most %d of them, and all "+
				"together at most %d.", contract.MaxChildName, maxThingName)
		return
	}
	gateway := contract.GatewayOf(name)
	if gateway == claimGateway {
		c.fail(path, fmt.Sprintf("Device name %q is reserved", name), "Devices that register themselves connect with "+
			"client IDs that begin with %s. Choose another name for the gateway.", contract.ClaimClientPrefix)
	}
	behind := func(argument, why string) {
		if c.known(path + "." + argument) {
			c.fail(path+"."+argument, fmt.Sprintf("Device %q cannot have %s", name, argument),
				"It is behind the gateway %q, which %s. Remove %s, or the colon from the name if the device connects "+
					"itself.", gateway, why, argument)
		}
	}
	if d.CSRPEM != nil {
		behind("csr_pem", "has the certificate for both")
	}
	if d.CertificatePEM != nil {
		behind("certificate_pem", "has the certificate for both")
	}
	if d.Enabled != nil && !*d.Enabled {
		behind("enabled", "decides who may connect to it: remove the device from its configuration")
	}
	if d.Gateway != nil {
		behind("gateway", "speaks for it: a gateway is behind no other")
	}
}

// gatewaysOf says of each device whether it is a gateway.
func gatewaysOf(devices map[string]DeviceSpec) map[string]bool {
	gateways := make(map[string]bool, len(devices))
	for name, d := range devices {
		gateways[name] = d.Gateway != nil
	}
	return gateways
}

// CheckGateways reports whether the devices of a file that are gateways, or behind one, fit to the others and to the
// rest of the description.
func CheckGateways(config Spec, env Env, unknown func(path string) bool) error {
	gateways := make(map[string]bool, len(env.Roster))
	for name, d := range env.Roster {
		gateways[name] = d.Gateway
	}
	c := &checker{unknown: unknown}
	c.checkGateways(config, gateways)
	const most = 20
	errs := c.errors()
	if n := len(errs); n > most {
		errs = append(errs[:most], fmt.Errorf("and %d more", n-most))
	}
	return errors.Join(errs...)
}

// checkGateways checks that every device behind a gateway has one. A gateway that is not described may have registered
// itself.
func (c *checker) checkGateways(s Spec, gateways map[string]bool) {
	c.checkSettingsSize(s, gateways)
	for _, name := range sortedKeys(gateways) {
		path, gateway := at("devices", name), contract.GatewayOf(name)
		if gateway == "" && !gateways[name] {
			continue
		}
		if s.Edge == nil {
			if c.known("edge") {
				c.fail(path, fmt.Sprintf("Device %q needs the block edge", name),
					"Without it, a gateway may not speak for other devices. Write edge = {}.")
			}
			continue
		}
		if gateway == "" {
			if name == claimGateway {
				c.fail(path, fmt.Sprintf("A gateway cannot have the name %q", name), "The names of devices behind it "+
					"would be client IDs of devices that register themselves. Choose another name.")
			}
			continue
		}
		is, described := gateways[gateway]
		switch {
		case described && !is && c.known(at("devices", gateway)+".gateway"):
			c.fail(path, fmt.Sprintf("The gateway of device %q is no gateway", name),
				"The device %q speaks for no other. Set gateway = {} for it (gateway to true in a file), or remove "+
					"what is behind it.", gateway)
		case !described && gateway != claimGateway && !c.registers(s, gateway):
			c.fail(path, fmt.Sprintf("The gateway of device %q is missing", name),
				"No device %q is described, and no device of that name can register itself. Describe it with "+
					"gateway = {} (gateway true in a file).", gateway)
		}
	}
}

const (
	// maxGatewaySettings is how many bytes of a shadow are left to the settings: the rest is for what the gateway
	// reports.
	maxGatewaySettings = contract.MaxShadow - contract.MaxEdgeError - 256
	// maxDeployedSettings is what Linux takes as the text of one environment variable, with its name, "=" and a final
	// zero, where pages have 4 KiB.
	maxDeployedSettings = 32*4096 - len(contract.EnvEdgeSettings) - 2
)

// checkSettingsSize checks that the shadow of a gateway, or with Greengrass its environment, has room for the settings.
func (c *checker) checkSettingsSize(s Spec, gateways map[string]bool) {
	described := slices.Contains(slices.Collect(maps.Values(gateways)), true)
	if s.Edge == nil || !described || !c.known("edge.rules") || !c.known("edge.greengrass") {
		return
	}
	b := &builder{config: s}
	settings, _ := b.gatewaySettings()
	switch size := len(settings); {
	case b.hasGreengrass() && size > maxDeployedSettings:
		c.fail("edge.rules", "The rules are too large for a gateway", "The settings take %d bytes. Greengrass gives "+
			"them to iot-edge as an environment variable, which holds %d. Shorten the rules.", size,
			maxDeployedSettings)
	case !b.hasGreengrass() && size > maxGatewaySettings:
		c.fail("edge.rules", "The rules are too large for the shadow of a gateway", "The settings take %d bytes. A "+
			"shadow holds %d, of which %d are for what the gateway reports. Shorten the rules, or leave out "+
			"gateway = {} and put edge_settings_json into the gateway's own file.", size, contract.MaxShadow,
			contract.MaxShadow-maxGatewaySettings)
	}
}

// registers reports whether a device of that name may register itself.
func (c *checker) registers(s Spec, name string) bool {
	p := s.Provisioning
	if !c.known("provisioning") {
		return true
	}
	if p == nil {
		return false
	}
	may := func(block string, there bool, prefix *string) bool {
		return !c.known(block) || there &&
			(!c.known(block+".thing_name_prefix") || strings.HasPrefix(name, deref(prefix)))
	}
	var claim, jitp *string
	if p.Claim != nil {
		claim = p.Claim.ThingNamePrefix
	}
	if p.JITP != nil {
		jitp = p.JITP.ThingNamePrefix
	}
	return may("provisioning.claim", p.Claim != nil, claim) || may("provisioning.jitp", p.JITP != nil, jitp)
}
