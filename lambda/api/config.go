package api

import (
	"errors"
	"fmt"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// config is the function's environment; its variables are a contract.
type config struct {
	pipeline, prefix, owner string
	devices, commands       string // tables
	readings, windows       string // tables; empty: the pipeline has none
	dataEndpoint            string // a URL; empty: the SDK's own
	gateways                bool   // devices can be behind gateways
}

func loadConfig(getenv func(string) string) (config, error) {
	c := config{
		pipeline:     getenv(contract.EnvPipeline),
		prefix:       getenv(contract.EnvTopicPrefix),
		owner:        getenv(contract.EnvOwner),
		devices:      getenv(contract.EnvDeviceTable),
		commands:     getenv(contract.EnvCommandsTable),
		readings:     getenv(contract.EnvReadingsTable),
		windows:      getenv(contract.EnvMetricsTable),
		dataEndpoint: getenv(contract.EnvDataEndpoint),
		gateways:     getenv(contract.EnvGateways) == contract.GatewayValue,
	}
	var problems []error
	for _, required := range []struct{ name, value string }{
		{contract.EnvPipeline, c.pipeline}, {contract.EnvTopicPrefix, c.prefix}, {contract.EnvOwner, c.owner},
		{contract.EnvDeviceTable, c.devices}, {contract.EnvCommandsTable, c.commands},
	} {
		if required.value == "" {
			problems = append(problems, fmt.Errorf("%s is not set", required.name))
		}
	}
	if len(problems) > 0 {
		return config{}, fmt.Errorf("reading the API's environment: %w", errors.Join(problems...))
	}
	if c.dataEndpoint != "" && !strings.Contains(c.dataEndpoint, "://") {
		c.dataEndpoint = "https://" + c.dataEndpoint
	}
	return c, nil
}
