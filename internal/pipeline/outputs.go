package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/assembly"

// Outputs are the computed attributes of a pipeline that follow from its
// description; the JSON names are those of the attributes. Nil means that the
// pipeline has no such object or, for the queue's URL, that AWS has not said it yet.
type Outputs struct {
	AccountID          string            `json:"account_id"`
	MQTTEndpoint       string            `json:"mqtt_endpoint"`
	Topics             Topics            `json:"topics"`
	Naming             Naming            `json:"naming"`
	StreamARN          string            `json:"stream_arn"`
	TimestreamTableARN *string           `json:"timestream_table_arn"`
	DeviceTableName    string            `json:"device_table_name"`
	ArchiveBucket      string            `json:"archive_bucket"`
	AlertTopicARN      *string           `json:"alert_topic_arn"`
	DeadLetterQueueURL *string           `json:"dead_letter_queue_url"`
	FunctionARNs       map[string]string `json:"function_arns"` // by "processor", "alerts" and "provisioning"
	RuleARNs           map[string]string `json:"rule_arns"`     // by "telemetry", "status", "alerts", "archive" and route
	Registration       *Registration     `json:"registration"`  // nil without provisioning
}

// Topics are patterns of the topics of one device; {thing} stands for its name.
type Topics struct {
	Telemetry string `json:"telemetry"`
	Status    string `json:"status"`
	Commands  string `json:"commands"`
}

// OutputsOf gives the computed attributes. All but DeadLetterQueueURL are known
// before anything exists; that one is taken from the records.
func OutputsOf(spec Spec, env Env, records []assembly.Record) Outputs {
	b := newBuilder(spec, env)
	device := b.prefix() + "/{thing}/"
	out := Outputs{
		AccountID:       env.AccountID,
		MQTTEndpoint:    env.MQTTEndpoint,
		Topics:          Topics{Telemetry: device + "telemetry", Status: device + "status", Commands: device + "commands"},
		Naming:          b.naming(),
		StreamARN:       b.arn.stream(b.names.pipeline),
		DeviceTableName: b.names.pipeline,
		ArchiveBucket:   b.names.bucket(),
		FunctionARNs:    map[string]string{"processor": b.arn.function(b.names.function("processor"))},
		RuleARNs:        map[string]string{},
	}
	if b.hasTimestream() {
		arn := b.timestreamARN()
		out.TimestreamTableARN = &arn
	}
	if b.hasAlertTopic() {
		arn := b.arn.topic(b.names.alertTopic())
		out.AlertTopicARN = &arn
	}
	if b.hasAlertRules() {
		out.FunctionARNs["alerts"] = b.arn.function(b.names.function("alerts"))
	}
	if b.hasClaim() {
		out.FunctionARNs["provisioning"] = b.arn.function(b.names.function("provisioning"))
	}
	out.Registration = b.registration()
	for _, r := range b.pipelineRules() {
		out.RuleARNs[r.key] = b.arn.rule(b.names.rule(r.key))
	}
	for key := range b.spec.Routes {
		out.RuleARNs[key] = b.arn.rule(b.names.rule(key))
	}
	for _, r := range records {
		if r.Key == "dead_letters" && r.Outputs["url"] != "" {
			url := r.Outputs["url"]
			out.DeadLetterQueueURL = &url
		}
	}
	return out
}
