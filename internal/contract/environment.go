package contract

// Environment variables of every function.
const (
	EnvPipeline           = "IOT_PIPELINE" // the pipeline's name
	EnvTopicPrefix        = "IOT_TOPIC_PREFIX"
	EnvDeviceTable        = "IOT_DEVICE_TABLE"
	EnvDeadLetterQueueURL = "IOT_DEAD_LETTER_QUEUE_URL"
	EnvDeadLetterBucket   = "IOT_DEAD_LETTER_BUCKET"
	EnvDeadLetterPrefix   = "IOT_DEAD_LETTER_PREFIX" // ends in a slash
)

// Environment variables of the processor. Both names of Timestream are absent without it.
const (
	EnvDataField          = "IOT_DATA_FIELD"
	EnvTimeField          = "IOT_TIME_FIELD"
	EnvTelemetry          = "IOT_TELEMETRY" // JSON of lambda/telemetry.Options; absent: the defaults
	EnvTimestreamDatabase = "IOT_TIMESTREAM_DATABASE"
	EnvTimestreamTable    = "IOT_TIMESTREAM_TABLE"
	EnvTimestreamLayout   = "IOT_TIMESTREAM_LAYOUT" // "multi" or "single"
	EnvDeviceTTLDays      = "IOT_DEVICE_TTL_DAYS"   // 0 or absent: never
	// EnvStateRefreshSeconds is how often the state of a device is written of which only numbers change; 0 or
	// absent: by every batch.
	EnvStateRefreshSeconds = "IOT_STATE_REFRESH_SECONDS"
	// EnvSeenSlotSeconds is what SlotAttribute is rounded down to; absent: it is LastSeenAttribute.
	EnvSeenSlotSeconds = "IOT_SEEN_SLOT_SECONDS"
	EnvReadingsTable   = "IOT_READINGS_TABLE" // absent without recent readings
	EnvReadingsHours   = "IOT_READINGS_HOURS" // how long a recent reading stays
)

// EnvAlertsFunction is the name of the alerts function, if the processor passes messages to it; absent: a topic rule
// does.
const EnvAlertsFunction = "IOT_ALERTS_FUNCTION"

// EvaluatedInStream is what the member evaluated of an event of the alerts function says if it comes from the
// processor.
const EvaluatedInStream = "stream"

// Environment variables of the processor for InfluxDB; all are absent without it.
const (
	EnvInfluxDBURL            = "IOT_INFLUXDB_URL"
	EnvInfluxDBVersion        = "IOT_INFLUXDB_VERSION"      // 1, 2 or 3
	EnvInfluxDBOrganization   = "IOT_INFLUXDB_ORGANIZATION" // absent if there is none
	EnvInfluxDBBucket         = "IOT_INFLUXDB_BUCKET"
	EnvInfluxDBMeasurement    = "IOT_INFLUXDB_MEASUREMENT"
	EnvInfluxDBTokenSecretARN = "IOT_INFLUXDB_TOKEN_SECRET_ARN" // absent if the server asks for no credentials
)

// Environment variables of the metrics function, besides those of the processor that say how to read payloads.
const (
	EnvMetricsTable    = "IOT_METRICS_TABLE"
	EnvMetricsKeepDays = "IOT_METRICS_KEEP_DAYS"
	EnvMetricsStream   = "IOT_METRICS_STREAM"   // a Firehose stream; absent: no export
	EnvMetricsMeasures = "IOT_METRICS_MEASURES" // JSON array of names; absent: all
)

// Environment variables of the alerts function.
const (
	EnvAlertTopicARN = "IOT_ALERT_TOPIC_ARN"
	EnvDataEndpoint  = "IOT_DATA_ENDPOINT" // a host name, or a URL for emulators
)

// EnvNotifyReturn is "false" if the watch function should not tell of devices that return. The function also has
// EnvAlertTopicARN.
const EnvNotifyReturn = "IOT_NOTIFY_RETURN"

// Environment variables of the pre-provisioning hook.
const (
	EnvAllowListTable  = "IOT_ALLOW_LIST_TABLE"
	EnvTemplateARN     = "IOT_TEMPLATE_ARN"
	EnvThingNamePrefix = "IOT_THING_NAME_PREFIX"
	EnvAttributes      = "IOT_ATTRIBUTES" // names separated by commas
	EnvOwner           = "IOT_OWNER"      // owner token
)
