package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// config is the function's environment; its variables are a contract.
type config struct {
	pipeline  string
	table     string
	stream    string // of Firehose; empty without an export
	keep      time.Duration
	measures  map[string]bool // nil: all
	telemetry telemetry.Options
}

func loadConfig(getenv func(string) string) (config, error) {
	c := config{pipeline: getenv(contract.EnvPipeline), table: getenv(contract.EnvMetricsTable),
		stream: getenv(contract.EnvMetricsStream)}
	var problems []error
	var err error
	c.telemetry, err = telemetry.ParseOptions(getenv(contract.EnvTelemetry), getenv(contract.EnvDataField),
		getenv(contract.EnvTimeField))
	if err != nil {
		problems = append(problems, err)
	}
	if c.table == "" {
		problems = append(problems, errors.New("IOT_METRICS_TABLE is not set: metrics would have nowhere to go"))
	}
	days, err := strconv.Atoi(getenv(contract.EnvMetricsKeepDays))
	if err != nil || days < 1 || days > 36500 {
		problems = append(problems, fmt.Errorf("IOT_METRICS_KEEP_DAYS is %q, want a number of days from 1 to 36500",
			getenv(contract.EnvMetricsKeepDays)))
	}
	c.keep = time.Duration(days) * 24 * time.Hour
	if list := getenv(contract.EnvMetricsMeasures); list != "" {
		var names []string
		if err := json.Unmarshal([]byte(list), &names); err != nil || len(names) == 0 {
			problems = append(problems, fmt.Errorf(
				"IOT_METRICS_MEASURES is %q, want names of measures as a JSON array", list))
		}
		c.measures = make(map[string]bool, len(names))
		for _, name := range names {
			c.measures[name] = true
		}
	}
	if len(problems) > 0 {
		return config{}, fmt.Errorf("reading the metrics function's environment: %w", errors.Join(problems...))
	}
	return c, nil
}
