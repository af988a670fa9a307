package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/assembly"

// Outputs are the computed attributes of a pipeline that follow from its description; the JSON names are those of the
// attributes. Nil means that the pipeline has no such object or, for the queue's URL, that AWS has not returned it yet.
type Outputs struct {
	AccountID        string `json:"account_id"`
	MQTTEndpoint     string `json:"mqtt_endpoint"`
	CredentialsStore string `json:"credentials_store"` // "ssm", "secretsmanager" or "s3"
	// CertificatesExpire is until when the certificates are valid (RFC 3339) that the configuration brings: by device,
	// and under ExpiresJITP that of the authority.
	CertificatesExpire map[string]string `json:"certificates_expire"`
	Topics             Topics            `json:"topics"`
	Naming             Naming            `json:"naming"`
	StreamARN          *string           `json:"stream_arn"` // nil with a queue
	QueueURL           *string           `json:"queue_url"`  // nil with a stream
	TimestreamTableARN *string           `json:"timestream_table_arn"`
	InfluxDBURL        *string           `json:"influxdb_url"`
	DeviceTableName    string            `json:"device_table_name"`
	ReadingsTableName  *string           `json:"readings_table_name"`
	// RecentReaderPolicyJSON is a policy document that lets somebody read the recent readings.
	RecentReaderPolicyJSON *string `json:"recent_reader_policy_json"`
	ArchiveBucket          string  `json:"archive_bucket"`
	// Of an archive in batches.
	ArchiveDatabase  *string `json:"archive_database"`
	ArchiveTable     *string `json:"archive_table"`
	ArchiveWorkgroup *string `json:"archive_workgroup"`
	// ArchiveReaderPolicyJSON is a policy document that lets somebody query the archive.
	ArchiveReaderPolicyJSON *string           `json:"archive_reader_policy_json"`
	AlertTopicARN           *string           `json:"alert_topic_arn"`
	DeadLetterQueueURL      *string           `json:"dead_letter_queue_url"`
	FunctionARNs            map[string]string `json:"function_arns"` // by function, such as "processor"
	RuleARNs                map[string]string `json:"rule_arns"`     // by rule, such as "telemetry", and by route
	Registration            *Registration     `json:"registration"`  // nil without provisioning
	MetricsTableName        *string           `json:"metrics_table_name"`
	// MetricsReaderPolicyJSON is a policy document that lets somebody read the metrics.
	MetricsReaderPolicyJSON *string `json:"metrics_reader_policy_json"`
	// MetricsDatabase is the Glue database with the table of exported metrics.
	MetricsDatabase *string `json:"metrics_database"`
	// APIID and APIEndpoint are known when the API exists.
	APIID       *string `json:"api_id"`
	APIEndpoint *string `json:"api_endpoint"`
	// EdgeSettingsJSON are the settings of gateways.
	EdgeSettingsJSON *string `json:"edge_settings_json"`
	// Greengrass is nil if the pipeline deploys nothing to gateways.
	Greengrass *Greengrass `json:"greengrass"`
}

// Topics are patterns of the topics of one device; {thing} is replaced by its name.
type Topics struct {
	Telemetry string `json:"telemetry"`
	Status    string `json:"status"`
	Commands  string `json:"commands"`
}

// OutputsOf returns the computed attributes. All but DeadLetterQueueURL are known before anything exists; that one
// comes from the records.
func OutputsOf(config Spec, env Env, records []assembly.Record) Outputs {
	b := newBuilder(config, env)
	recorded := assembly.Upstream{}
	for _, r := range records {
		recorded[r.Key] = r
	}
	out := Outputs{FunctionARNs: map[string]string{}, RuleARNs: map[string]string{}}
	for _, c := range capabilities() {
		if c.outputs != nil {
			c.outputs(b, recorded, &out)
		}
	}
	for _, f := range b.functions() {
		out.FunctionARNs[f.name] = b.arn.function(b.names.function(f.name))
	}
	for _, r := range b.ownRules() {
		out.RuleARNs[r.key] = b.arn.rule(b.names.rule(r.key))
	}
	return out
}
