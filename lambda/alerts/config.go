package alerts

import (
	"errors"
	"fmt"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// config is the alert handler's environment; its variables are a contract.
type config struct {
	pipeline, prefix               string
	table                          string
	topicARN                       string
	dataEndpoint                   string // a URL; empty: the SDK's own
	queueURL, bucket, bucketPrefix string
	telemetry                      telemetry.Options
	gateways                       bool // devices can be behind gateways
	decoded                        bool // conditions see the readings of a message, not its payload
}

func loadConfig(getenv func(string) string) (config, error) {
	c := config{
		pipeline:     getenv(contract.EnvPipeline),
		prefix:       getenv(contract.EnvTopicPrefix),
		table:        getenv(contract.EnvDeviceTable),
		topicARN:     getenv(contract.EnvAlertTopicARN),
		dataEndpoint: getenv(contract.EnvDataEndpoint),
		gateways:     getenv(contract.EnvGateways) == contract.GatewayValue,
		queueURL:     getenv(contract.EnvDeadLetterQueueURL),
		bucket:       getenv(contract.EnvDeadLetterBucket),
		bucketPrefix: getenv(contract.EnvDeadLetterPrefix),
	}
	var problems []error
	options := getenv(contract.EnvTelemetry)
	var err error
	if c.telemetry, err = telemetry.ParseOptions(options, getenv(contract.EnvDataField),
		getenv(contract.EnvTimeField)); err != nil {
		problems = append(problems, err)
	}
	c.decoded = options != ""
	for _, required := range []struct{ name, value string }{
		{contract.EnvPipeline, c.pipeline}, {contract.EnvTopicPrefix, c.prefix}, {contract.EnvDeviceTable, c.table},
		{contract.EnvAlertTopicARN, c.topicARN}, {contract.EnvDeadLetterQueueURL, c.queueURL},
	} {
		if required.value == "" {
			problems = append(problems, fmt.Errorf("%s is not set", required.name))
		}
	}
	if len(problems) > 0 {
		return config{}, fmt.Errorf("reading the alert handler's environment: %w", errors.Join(problems...))
	}
	if c.dataEndpoint != "" && !strings.Contains(c.dataEndpoint, "://") {
		c.dataEndpoint = "https://" + c.dataEndpoint
	}
	return c, nil
}
