package watch

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// config is the watch function's environment; its variables are a contract.
type config struct {
	pipeline, table, topicARN string
	notifyReturn              bool
}

func loadConfig(getenv func(string) string) (config, error) {
	c := config{
		pipeline:     getenv(contract.EnvPipeline),
		table:        getenv(contract.EnvDeviceTable),
		topicARN:     getenv(contract.EnvAlertTopicARN),
		notifyReturn: true,
	}
	var problems []error
	for _, required := range []struct{ name, value string }{
		{contract.EnvPipeline, c.pipeline}, {contract.EnvDeviceTable, c.table},
		{contract.EnvAlertTopicARN, c.topicARN},
	} {
		if required.value == "" {
			problems = append(problems, fmt.Errorf("%s is not set", required.name))
		}
	}
	if text := getenv(contract.EnvNotifyReturn); text != "" {
		var err error
		if c.notifyReturn, err = strconv.ParseBool(text); err != nil {
			problems = append(problems, fmt.Errorf("%s is %q, want true or false", contract.EnvNotifyReturn, text))
		}
	}
	if len(problems) > 0 {
		return config{}, fmt.Errorf("reading the watch function's environment: %w", errors.Join(problems...))
	}
	return c, nil
}
