package processor

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/influx"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// config is the processor's environment; its variables are a contract.
type config struct {
	pipeline, topicPrefix string

	deviceTable string
	deviceTTL   time.Duration // 0: entries stay
	slot        time.Duration // what the time in the index is rounded down to
	refresh     time.Duration // 0: every batch writes the state of its devices

	alertsFunction string // empty if a topic rule looks for alerts

	commandsTable string // empty without the device management API

	readingsTable string        // of recent readings; empty without them
	readingsKeep  time.Duration // how long one stays

	queueURL, bucket, prefix string

	telemetry telemetry.Options

	database, table string // of Timestream; both empty without it
	single          bool   // one Timestream record for each measure

	influx *influx.Config // nil without InfluxDB
}

func loadConfig(getenv func(string) string) (config, error) {
	c := config{
		pipeline:      getenv(contract.EnvPipeline),
		topicPrefix:   getenv(contract.EnvTopicPrefix),
		deviceTable:   getenv(contract.EnvDeviceTable),
		commandsTable: getenv(contract.EnvCommandsTable),

		alertsFunction: getenv(contract.EnvAlertsFunction),
		readingsTable:  getenv(contract.EnvReadingsTable),
		queueURL:       getenv(contract.EnvDeadLetterQueueURL),
		bucket:         getenv(contract.EnvDeadLetterBucket),
		prefix:         getenv(contract.EnvDeadLetterPrefix),
		database:       getenv(contract.EnvTimestreamDatabase),
		table:          getenv(contract.EnvTimestreamTable),
	}
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	var err error
	c.telemetry, err = telemetry.ParseOptions(getenv(contract.EnvTelemetry), getenv(contract.EnvDataField),
		getenv(contract.EnvTimeField))
	if err != nil {
		problems = append(problems, err)
	}
	if c.influx, err = influx.ParseConfig(getenv); err != nil {
		problems = append(problems, err)
	}
	if c.queueURL == "" {
		problem("IOT_DEAD_LETTER_QUEUE_URL is not set: a record that cannot be handled would have nowhere to go")
	}
	if c.deviceTable == "" && c.readingsTable == "" && c.influx == nil && c.table == "" && c.database == "" {
		problem("neither IOT_DEVICE_TABLE nor IOT_READINGS_TABLE nor IOT_INFLUXDB_URL nor IOT_TIMESTREAM_DATABASE " +
			"and IOT_TIMESTREAM_TABLE are set: records would have nowhere to go")
	}
	if (c.database == "") != (c.table == "") {
		problem(
			"IOT_TIMESTREAM_DATABASE is %q and IOT_TIMESTREAM_TABLE is %q: set both or neither",
			c.database,
			c.table,
		)
	}
	switch layout := getenv(contract.EnvTimestreamLayout); layout {
	case "", "multi":
	case "single":
		c.single = true
	default:
		problem("IOT_TIMESTREAM_LAYOUT is %q, want multi or single", layout)
	}
	if c.alertsFunction != "" && (c.deviceTable == "" || c.topicPrefix == "") {
		problem("IOT_ALERTS_FUNCTION is set, and IOT_DEVICE_TABLE, which has the rules, or IOT_TOPIC_PREFIX is not")
	}
	if err := c.readTimes(getenv); err != nil {
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return config{}, fmt.Errorf("reading the processor's environment: %w", errors.Join(problems...))
	}
	return c, nil
}

// readTimes reads how long what the processor stores is kept, and how often it is written.
func (c *config) readTimes(getenv func(string) string) error {
	if text := getenv(contract.EnvDeviceTTLDays); text != "" {
		days, err := strconv.Atoi(text)
		if err != nil || days < 0 || days > 36500 {
			return fmt.Errorf("IOT_DEVICE_TTL_DAYS is %q, want a number of days from 0 to 36500", text)
		}
		c.deviceTTL = time.Duration(days) * 24 * time.Hour
	}
	if text := getenv(contract.EnvStateRefreshSeconds); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 0 || seconds > 86_400 {
			return fmt.Errorf("IOT_STATE_REFRESH_SECONDS is %q, want a number of seconds from 0 to 86400", text)
		}
		c.refresh = time.Duration(seconds) * time.Second
	}
	if text := getenv(contract.EnvSeenSlotSeconds); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 0 || time.Duration(seconds)*time.Second > contract.MaxSlot {
			return fmt.Errorf("IOT_SEEN_SLOT_SECONDS is %q, want a number of seconds from 0 to %.0f", text,
				contract.MaxSlot.Seconds())
		}
		c.slot = time.Duration(seconds) * time.Second
	}
	if c.readingsTable != "" {
		hours, err := strconv.Atoi(getenv(contract.EnvReadingsHours))
		if err != nil || hours < 1 || hours > 1_000_000 {
			return fmt.Errorf("IOT_READINGS_HOURS is %q, want a number of hours from 1 to 1000000",
				getenv(contract.EnvReadingsHours))
		}
		c.readingsKeep = time.Duration(hours) * time.Hour
	}
	return nil
}
