package costs

import "github.com/iot-pipeline/terraform-provider-iot/internal/argument"

// Edge are the gateways of a fleet: all its devices are behind them.
type Edge struct {
	Gateways       float64 `json:"gateways"`
	StatusSeconds  float64 `json:"status_seconds"`   // between two states of a gateway
	CommandsPerDay float64 `json:"commands_per_day"` // to devices behind gateways
	// Greengrass deploys to the gateways: they are its core devices. nil: somebody else installs iot-edge.
	Greengrass *Greengrass `json:"greengrass"`
}

// Greengrass is that of edge.
type Greengrass struct{}

// DefaultEdge is one gateway with nothing in its settings.
func DefaultEdge() *Edge { return &Edge{Gateways: 1, StatusSeconds: defaultStatusSeconds} }

// defaultStatusSeconds is that of iot-edge, which no package of the provider imports as a whole; a test compares it.
const defaultStatusSeconds = 300

// commandMessages are what AWS IoT meters of a command: the publication, the PUBLISH that the gateway gets, and its
// PUBACK [AWS IoT Core: additional metering details]. The pipeline publishes to the gateway, where no rule listens.
const commandMessages = 3

// gateways are the states of gateways, and commands to devices behind them.
func (b *bill) gateways() {
	e := b.setup.Edge
	if e == nil {
		return
	}
	states := e.Gateways * secondsPerMonth / e.StatusSeconds / 1e6
	b.fixed("iot_message", "AWS IoT: states of gateways", states)
	b.fixed("iot_rule", "AWS IoT: rule status, of gateways", states)
	b.fixed("iot_action", "AWS IoT: action of status, of gateways", states)
	if e.Greengrass != nil {
		b.fixed("greengrass_core", "Greengrass: core devices", e.Gateways)
	}
	commands := e.CommandsPerDay * daysPerMonth / 1e6
	b.fixed("iot_message", "AWS IoT: commands to children", commands*commandMessages)
}

// connections is how many clients are connected to AWS IoT. With Greengrass, the nucleus is one beside iot-edge.
func (s Setup) connections() float64 {
	switch {
	case s.Edge != nil && s.Edge.Greengrass != nil:
		return 2 * s.Edge.Gateways
	case s.Edge != nil:
		return s.Edge.Gateways
	}
	return s.Devices
}

// checkEdge refuses what gateways do not do.
func (s Setup) checkEdge() error {
	if s.Edge != nil && s.BasicIngest {
		return argument.Fail("basic_ingest", "gateways publish to the broker; remove basic_ingest, or edge")
	}
	return nil
}
