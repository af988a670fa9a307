package pipeline

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

// edit gives a sound description, changed.
func edit(change func(s *Spec)) Spec {
	s := Spec{Name: "greenhouse", Region: ptr("eu-west-1")}
	change(&s)
	return s
}

func alert(r AlertRuleSpec) func(*Spec) {
	return func(s *Spec) { s.Alerts = &AlertsSpec{Rules: map[string]AlertRuleSpec{"dry": r}} }
}

func routed(change func(r *RouteSpec)) func(*Spec) {
	return func(s *Spec) {
		r := RouteSpec{SQL: "SELECT * FROM 'a/b'", DynamoDBv2: &DynamoDBv2Route{TableName: "t"}}
		change(&r)
		s.Routes = map[string]RouteSpec{"extra": r}
	}
}

func device(d DeviceSpec) func(*Spec) {
	return func(s *Spec) { s.Devices = map[string]DeviceSpec{"soil": d} }
}

func claim(c ClaimSpec) func(*Spec) {
	return func(s *Spec) { s.Provisioning = &ProvisioningSpec{Claim: &c} }
}

func jitp(j JITPSpec) func(*Spec) {
	return func(s *Spec) { s.Provisioning = &ProvisioningSpec{JITP: &j} }
}

func subscribed(list ...SubscriptionSpec) func(*Spec) {
	return func(s *Spec) { s.Alerts = &AlertsSpec{Subscriptions: list} }
}

// Each case is one mistake: where it is reported, and words of what is said.
var mistakes = []struct {
	why    string
	change func(*Spec)
	path   string
	says   []string
}{
	{"capitals", func(s *Spec) { s.Name = "Greenhouse" }, "name", []string{`Pipeline name "Greenhouse" is not valid`, "small letters"}},
	{"a digit first", func(s *Spec) { s.Name = "1green" }, "name", []string{"start with a letter"}},
	{"a hyphen last", func(s *Spec) { s.Name = "green-" }, "name", []string{"do not end with a hyphen"}},
	{"too short for a table", func(s *Spec) { s.Name = "ab" }, "name", []string{"has 2 characters", "at least 3"}},
	{"too long for a role", func(s *Spec) { s.Name = strings.Repeat("a", 33) }, "name", []string{"has 33 characters", "at most 32"}},
	{"a prefix that S3 keeps", func(s *Spec) { s.Name = "sthree-a" }, "name", []string{"S3 keeps names"}},
	{"not a region", func(s *Spec) { s.Region = ptr("Ireland") }, "region", []string{"eu-west-1"}},

	{"five levels", func(s *Spec) { s.TopicPrefix = ptr("a/b/c/d/e") }, "topic_prefix", []string{"has 5 levels and may have 4"}},
	{"a wildcard", func(s *Spec) { s.TopicPrefix = ptr("a/+") }, "topic_prefix", []string{"wildcards of subscriptions"}},
	{"a reserved topic", func(s *Spec) { s.TopicPrefix = ptr("$aws/things") }, "topic_prefix", []string{"start with $ belong to AWS"}},
	{"an empty level", func(s *Spec) { s.TopicPrefix = ptr("a//b") }, "topic_prefix", []string{"empty level"}},
	{"a quote would end the SQL", func(s *Spec) { s.TopicPrefix = ptr("a'b") }, "topic_prefix", []string{"stands in SQL"}},
	{"a star would widen the policy", func(s *Spec) { s.TopicPrefix = ptr("a*") }, "topic_prefix", []string{"in policies"}},
	{"too long a topic", func(s *Spec) { s.TopicPrefix = ptr(strings.Repeat("a", 120)) }, "topic_prefix", []string{"would have 259 bytes, and AWS IoT allows 256", "by 3"}},
	{"too long a policy", func(s *Spec) { s.TopicPrefix = ptr(strings.Repeat("a", 110)) }, "topic_prefix", []string{"device policy too long", "AWS IoT allows 2048", "shorten it by"}},

	{"AWS's tags", func(s *Spec) { s.Tags = map[string]string{"AWS:x": ""} }, `tags["AWS:x"]`, []string{"written by AWS alone"}},
	{"our tag", func(s *Spec) { s.Tags = map[string]string{"iot-pipeline:id": ""} }, `tags["iot-pipeline:id"]`, []string{"owner token"}},
	{"a character tags cannot hold", func(s *Spec) { s.Tags = map[string]string{"a": "b\"c"} }, `tags["a"]`, []string{"at most 256"}},
	{"50 tags and ours", func(s *Spec) { s.Tags = many(50) }, "tags", []string{"AWS allows 50", "pipeline's own"}},
	{"not a boundary", func(s *Spec) { s.PermissionsBoundary = ptr("bounds") }, "permissions_boundary", []string{"ARN of a managed policy"}},

	{"a space in a device's name", func(s *Spec) { s.Devices = map[string]DeviceSpec{"soil 1": {}} }, `devices["soil 1"]`, []string{"MQTT client id"}},
	{"a colon fits no store", func(s *Spec) { s.Devices = map[string]DeviceSpec{"soil:1": {}} }, `devices["soil:1"]`, []string{"holds a colon", "Write a hyphen"}},
	{"a space in a value", device(DeviceSpec{Attributes: map[string]string{"bay": "hall 3"}}), `devices["soil"].attributes["bay"]`, []string{"no spaces", `"hall 3"`, "hyphen or an underscore"}},
	{"a space in a name", device(DeviceSpec{Attributes: map[string]string{"my bay": "3"}}), `devices["soil"].attributes["my bay"]`, []string{"no spaces"}},
	{"our attribute", device(DeviceSpec{Attributes: map[string]string{"iot-pipeline": "3"}}), `devices["soil"].attributes["iot-pipeline"]`, []string{"is reserved"}},
	{"an attribute that may become ours", device(DeviceSpec{Attributes: map[string]string{"iot-pipeline-x": "3"}}), `devices["soil"].attributes["iot-pipeline-x"]`, []string{"is reserved", "start with iot-pipeline"}},
	{"49 attributes and ours", device(DeviceSpec{Attributes: many(49)}), `devices["soil"].attributes`, []string{"Keep at most 48"}},
	{"both ways to an identity", device(DeviceSpec{CSRPEM: ptr(csrPEM()), CertificatePEM: ptr(certificatePEM(time.Hour))}), `devices["soil"]`, []string{"both csr_pem and certificate_pem"}},
	{"not PEM", device(DeviceSpec{CSRPEM: ptr("soil.csr")}), `devices["soil"].csr_pem`, []string{"no PEM block", "BEGIN CERTIFICATE REQUEST"}},
	{"a certificate for a request", device(DeviceSpec{CSRPEM: ptr(certificatePEM(time.Hour))}), `devices["soil"].csr_pem`, []string{`type "CERTIFICATE" and should be CERTIFICATE REQUEST`}},
	{"damaged", device(DeviceSpec{CertificatePEM: ptr(block("CERTIFICATE", []byte("x")))}), `devices["soil"].certificate_pem`, []string{"not an X.509 certificate"}},
	{"a damaged request", device(DeviceSpec{CSRPEM: ptr(block("CERTIFICATE REQUEST", []byte("x")))}), `devices["soil"].csr_pem`, []string{"openssl req"}},
	{"a chain", device(DeviceSpec{CertificatePEM: ptr(certificatePEM(time.Hour) + certificatePEM(time.Hour))}), `devices["soil"].certificate_pem`, []string{"without its chain"}},
	{"a private key", device(DeviceSpec{CSRPEM: ptr(csrPEM() + block("PRIVATE KEY", []byte("secret")))}), `devices["soil"].csr_pem`, []string{"treat the key as disclosed"}},
	{"a small RSA key", device(DeviceSpec{CSRPEM: ptr(smallCSR())}), `devices["soil"].csr_pem`, []string{"1024 bits and AWS IoT takes 2048"}},
	{"a kind of key AWS lacks", device(DeviceSpec{CSRPEM: ptr(edwardsCSR())}), `devices["soil"].csr_pem`, []string{"neither RSA nor ECDSA"}},
	{"one identity for two", func(s *Spec) {
		pem := ptr(certificatePEM(time.Hour))
		s.Devices = map[string]DeviceSpec{"a": {CertificatePEM: pem}, "b": {CertificatePEM: pem}}
	}, `devices["b"].certificate_pem`, []string{`Devices "a" and "b" have the same`}},
	{"a map and a file", func(s *Spec) {
		s.Devices, s.DevicesFrom = map[string]DeviceSpec{"soil": {}}, &DevicesFromSpec{File: "fleet.csv"}
	}, "devices_from", []string{"exclude each other"}},
	{"a spreadsheet", func(s *Spec) { s.DevicesFrom = &DevicesFromSpec{File: "fleet.xlsx"} }, "devices_from.file", []string{`"fleet.xlsx" must end in .csv`}},
	{"a report on top of the fleet", func(s *Spec) { s.DevicesFrom = &DevicesFromSpec{File: "fleet.csv", Report: ptr("./fleet.csv")} }, "devices_from.report", []string{"same file"}},

	{"no such store", func(s *Spec) { s.Credentials = &CredentialsSpec{Store: ptr("SSM")} }, "credentials.store", []string{`Did you mean "ssm"?`}},
	{"a path without a slash", func(s *Spec) { s.Credentials = &CredentialsSpec{Path: ptr("keys")} }, "credentials.path", []string{"starts with a slash"}},
	{"AWS's path", func(s *Spec) { s.Credentials = &CredentialsSpec{Path: ptr("/aws/keys")} }, "credentials.path", []string{"for AWS"}},
	{"a space in a secret's name", func(s *Spec) { s.Credentials = &CredentialsSpec{Store: ptr("secretsmanager"), Path: ptr("my keys")} }, "credentials.path", []string{"a secret's name"}},
	{"an alias", func(s *Spec) { s.Credentials = &CredentialsSpec{KMSKeyID: ptr("alias/keys")} }, "credentials.kms_key_id", []string{"every plan would show a change"}},

	{"no such mode", func(s *Spec) { s.Stream = &StreamSpec{Mode: ptr("on-demand")} }, "stream.mode", []string{`Did you mean "on_demand"?`}},
	{"shards on demand", func(s *Spec) { s.Stream = &StreamSpec{Shards: ptr(int64(2))} }, "stream.shards", []string{"on-demand stream"}},
	{"too short a retention", func(s *Spec) { s.Stream = &StreamSpec{RetentionHours: ptr(int64(1))} }, "stream.retention_hours", []string{"1 is not between 24 and 8760", "Kinesis"}},
	{"too large a batch", func(s *Spec) { s.Processor = &ProcessorSpec{BatchSize: ptr(int64(10001))} }, "processor.batch_size", []string{"between 1 and 10000"}},
	{"too old", func(s *Spec) { s.Processor = &ProcessorSpec{MaxRecordAgeSeconds: ptr(int64(59))} }, "processor.max_record_age_seconds", []string{"between 60 and 604800"}},
	{"no package", func(s *Spec) { s.Processor = &ProcessorSpec{Package: ptr("")} }, "processor.package", []string{"bootstrap"}},
	{"no field", func(s *Spec) { s.Telemetry = &TelemetrySpec{DataField: ptr("")} }, "telemetry.data_field", []string{"1 to 256 characters"}},
	{"one field for two", func(s *Spec) { s.Telemetry = &TelemetrySpec{DataField: ptr("d"), TimeField: ptr("d")} }, "telemetry.time_field", []string{"the same"}},
	{"too short a database", func(s *Spec) { s.Timestream = &TimestreamSpec{Database: ptr("ab")} }, "timestream.database", []string{"3 to 256"}},
	{"too long a memory", func(s *Spec) { s.Timestream = &TimestreamSpec{MemoryRetentionHours: ptr(int64(8767))} }, "timestream.memory_retention_hours", []string{"8766"}},
	{"no such layout", func(s *Spec) { s.Timestream = &TimestreamSpec{Layout: ptr("wide")} }, "timestream.layout", []string{`"multi", "single"`}},
	{"a negative TTL", func(s *Spec) { s.DeviceState = &DeviceStateSpec{TTLDays: ptr(int64(-1))} }, "device_state.ttl_days", []string{"0 is for ever"}},
	{"the dead letters' place", func(s *Spec) { s.Archive = &ArchiveSpec{Prefix: ptr("dead-letter")} }, "archive.prefix", []string{"Dead letters"}},
	{"an absolute prefix", func(s *Spec) { s.Archive = &ArchiveSpec{Prefix: ptr("/raw")} }, "archive.prefix", []string{"starts with a name"}},
	{"gone before it moves", func(s *Spec) {
		s.Archive = &ArchiveSpec{IntelligentTieringAfterDays: ptr(int64(30)), ExpireAfterDays: ptr(int64(30))}
	}, "archive.intelligent_tiering_after_days", []string{"expire before"}},
	{"no such architecture", func(s *Spec) { s.Functions = &FunctionsSpec{Architecture: ptr("x86-64")} }, "functions.architecture", []string{`Did you mean "x86_64"?`}},
	{"no such retention", func(s *Spec) { s.Functions = &FunctionsSpec{LogRetentionDays: ptr(int64(10))} }, "functions.log_retention_days", []string{"10 is none of 1 3 5 7 14"}},
	{"no such level", func(s *Spec) { s.Functions = &FunctionsSpec{LogLevel: ptr("info")} }, "functions.log_level", []string{`Did you mean "INFO"?`}},

	{"no condition", alert(AlertRuleSpec{When: " "}), `alerts.rules["dry"].when`, []string{"condition is empty"}},
	{"half a condition", alert(AlertRuleSpec{When: "data.humidity <"}), `alerts.rules["dry"].when`, []string{"not a valid AWS IoT SQL condition", "1:16", "^"}},
	{"no such severity", alert(AlertRuleSpec{When: "a > 1", Severity: ptr("Critical")}), `alerts.rules["dry"].severity`, []string{`Did you mean "critical"?`}},
	{"half a message", alert(AlertRuleSpec{When: "a > 1", Message: ptr("Humidity ${data.")}), `alerts.rules["dry"].message`, []string{"substitution template"}},
	{"half a command", alert(AlertRuleSpec{When: "a > 1", Command: ptr("${")}), `alerts.rules["dry"].command`, []string{"substitution template"}},
	{"a negative cooldown", alert(AlertRuleSpec{When: "a > 1", CooldownSeconds: ptr(int64(-1))}), `alerts.rules["dry"].cooldown_seconds`, []string{"between 0 and"}},
	{"a space in an alert's name", func(s *Spec) { s.Alerts = &AlertsSpec{Rules: map[string]AlertRuleSpec{"too dry": {When: "a > 1"}}} }, `alerts.rules["too dry"]`, []string{"hyphens and underscores"}},
	{"a threshold without value", alert(AlertRuleSpec{When: "a > threshold.max"}), `alerts.rules["dry"].when`, []string{`Threshold "max" has no value`}},
	{"a threshold's name", func(s *Spec) { s.Alerts = &AlertsSpec{Thresholds: map[string]float64{"max-t": 1}} }, `alerts.thresholds["max-t"]`, []string{"threshold.<name>"}},
	{"not an address", func(s *Spec) { s.Alerts = &AlertsSpec{Emails: []string{"ops"}} }, "alerts.emails[0]", []string{"not an e-mail address"}},
	{"no such protocol", subscribed(SubscriptionSpec{Protocol: "e-mail", Endpoint: "a@b.c"}), "alerts.subscriptions[0].protocol", []string{`Did you mean "email"?`}},
	{"not a queue", subscribed(SubscriptionSpec{Protocol: "sqs", Endpoint: "https://sqs"}), "alerts.subscriptions[0].endpoint", []string{"the ARN of a standard queue"}},
	{"a FIFO queue", subscribed(SubscriptionSpec{Protocol: "sqs", Endpoint: "arn:aws:sqs:eu-west-1:123456789012:q.fifo"}), "alerts.subscriptions[0].endpoint", []string{"FIFO"}},
	{"not a number", subscribed(SubscriptionSpec{Protocol: "sms", Endpoint: "0170"}), "alerts.subscriptions[0].endpoint", []string{"phone number"}},
	{"a wrong severity", subscribed(SubscriptionSpec{Protocol: "email", Endpoint: "a@b.c", Severities: []string{"warn"}}), "alerts.subscriptions[0].severities[0]", []string{`"info", "warning", "critical"`}},
	{"told twice", func(s *Spec) {
		s.Alerts = &AlertsSpec{Emails: []string{"a@b.c"}, Subscriptions: []SubscriptionSpec{{Protocol: "email", Endpoint: "a@b.c"}}}
	}, "alerts.subscriptions[0].endpoint", []string{"alerts.emails[0] has the same"}},

	{"a hyphen in a rule's name", func(s *Spec) {
		s.Routes = map[string]RouteSpec{"to-s3": {SQL: "SELECT * FROM 'a'", DynamoDBv2: &DynamoDBv2Route{TableName: "t"}}}
	}, `routes["to-s3"]`, []string{"no hyphen"}},
	{"our rule's name", func(s *Spec) {
		s.Routes = map[string]RouteSpec{"archive": {SQL: "SELECT * FROM 'a'", DynamoDBv2: &DynamoDBv2Route{TableName: "t"}}}
	}, `routes["archive"]`, []string{"a rule of its own"}},
	{"unparsable SQL", routed(func(r *RouteSpec) { r.SQL = "SELEC * FROM 'a/b'" }), `routes["extra"].sql`, []string{"not a valid AWS IoT SQL statement", "1:1", "^"}},
	{"nothing to do", routed(func(r *RouteSpec) { r.DynamoDBv2 = nil }), `routes["extra"]`, []string{"has no action"}},
	{"eleven actions", routed(elevenActions), `routes["extra"]`, []string{"It has 11 and AWS IoT allows 10"}},
	{"an ARN for a name", routed(func(r *RouteSpec) {
		r.Kinesis = &KinesisRoute{StreamName: "arn:aws:kinesis:eu-west-1:123456789012:stream/s"}
	}), `routes["extra"].kinesis.stream_name`, []string{"should be a name"}},
	{"no such ACL", routed(func(r *RouteSpec) { r.S3 = &S3Route{Bucket: "b", Key: "${newuuid()}", CannedACL: ptr("public")} }), `routes["extra"].s3.canned_acl`, []string{"unknown value"}},
	{"another region", routed(func(r *RouteSpec) {
		r.Lambda = &LambdaRoute{FunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:f"}
	}), `routes["extra"].lambda.function_arn`, []string{`region "us-east-1"`, "its own region only"}},
	{"not a function", routed(func(r *RouteSpec) { r.Lambda = &LambdaRoute{FunctionARN: "f"} }), `routes["extra"].lambda.function_arn`, []string{"arn:aws:lambda:"}},
	{"a FIFO topic", routed(func(r *RouteSpec) { r.SNS = &SNSRoute{TopicARN: "arn:aws:sns:eu-west-1:123456789012:t.fifo"} }), `routes["extra"].sns.topic_arn`, []string{"FIFO topic"}},
	{"a FIFO queue's URL", routed(func(r *RouteSpec) {
		r.SQS = &SQSRoute{QueueURL: "https://sqs.eu-west-1.amazonaws.com/123456789012/q.fifo"}
	}), `routes["extra"].sqs.queue_url`, []string{"FIFO queue"}},
	{"a queue's ARN", routed(func(r *RouteSpec) { r.SQS = &SQSRoute{QueueURL: "arn:aws:sqs:eu-west-1:123456789012:q"} }), `routes["extra"].sqs.queue_url`, []string{"an ARN does not do"}},
	{"half a range key", routed(func(r *RouteSpec) {
		r.DynamoDB = &DynamoDBRoute{TableName: "t", HashKeyField: "h", HashKeyValue: "v", RangeKeyField: ptr("r")}
	}), `routes["extra"].dynamodb`, []string{"by half"}},
	{"a record without dimensions", routed(func(r *RouteSpec) { r.Timestream = &TimestreamRoute{Database: "d", Table: "t"} }), `routes["extra"].timestream.dimensions`, []string{"needs a dimension"}},
	{"a reserved dimension", routed(func(r *RouteSpec) {
		r.Timestream = &TimestreamRoute{Database: "d", Table: "t", Dimensions: map[string]string{"time": "x"}}
	}), `routes["extra"].timestream.dimensions["time"]`, []string{"keeps measure_name, time"}},
	{"no such quality of service", routed(func(r *RouteSpec) { r.Republish = &RepublishRoute{Topic: "c", QoS: ptr(int64(2))} }), `routes["extra"].republish.qos`, []string{"between 0 and 1"}},
	{"one dollar sign", routed(func(r *RouteSpec) { r.Republish = &RepublishRoute{Topic: "$aws/things/x/shadow/update"} }), `routes["extra"].republish.topic`, []string{"two dollar signs"}},
	{"a loop", routed(func(r *RouteSpec) { r.Republish = &RepublishRoute{Topic: "a/b"} }), `routes["extra"].republish.topic`, []string{"invoke itself without end"}},
	{"a wildcard to publish to", routed(func(r *RouteSpec) { r.Republish = &RepublishRoute{Topic: "a/+"} }), `routes["extra"].republish.topic`, []string{"wildcard"}},
	{"eleven actions", routed(func(r *RouteSpec) {
		*r = RouteSpec{SQL: r.SQL, Kinesis: &KinesisRoute{StreamName: "s"}, S3: &S3Route{Bucket: "bucket", Key: "${newuuid()}"},
			Lambda:   &LambdaRoute{FunctionARN: "arn:aws:lambda:eu-west-1:123456789012:function:f"},
			SNS:      &SNSRoute{TopicARN: "arn:aws:sns:eu-west-1:123456789012:t"},
			SQS:      &SQSRoute{QueueURL: "https://sqs.eu-west-1.amazonaws.com/123456789012/q"},
			DynamoDB: &DynamoDBRoute{TableName: "t", HashKeyField: "k", HashKeyValue: "${topic()}"}, DynamoDBv2: &DynamoDBv2Route{TableName: "t"},
			Firehose: &FirehoseRoute{DeliveryStreamName: "d"}, CloudWatchLogs: &CloudWatchLogsRoute{LogGroupName: "g"},
			Republish: &RepublishRoute{Topic: "copy/${topic()}"}, StepFunctions: &StepFunctionsRoute{StateMachineName: "m"}}
	}), `routes["extra"]`, []string{"has too many actions", "It has 11 and AWS IoT allows 10 per rule"}},
	{"a retired service", routed(func(r *RouteSpec) { r.HTTP = &HTTPRoute{URL: "https://data.iotevents.eu-west-1.amazonaws.com/x"} }), `routes["extra"].http.url`, []string{"AWS IoT Events ended on 2026-05-20"}},
	{"signed for a retired service", routed(func(r *RouteSpec) {
		r.HTTP = &HTTPRoute{URL: "https://x.example.com", SigV4: &HTTPSigV4{ServiceName: "iotanalytics", SigningRegion: "eu-west-1", RoleARN: "arn:aws:iam::123456789012:role/r"}}
	}), `routes["extra"].http.sigv4.service_name`, []string{"AWS IoT Analytics ended on 2025-12-15"}},
	{"no TLS", routed(func(r *RouteSpec) { r.HTTP = &HTTPRoute{URL: "http://x.example.com"} }), `routes["extra"].http.url`, []string{"https://"}},
	{"AWS's namespace", routed(func(r *RouteSpec) { r.CloudWatchMetric = metric("AWS/IoT", "Count") }), `routes["extra"].cloudwatch_metric.metric_namespace`, []string{"reserved"}},
	{"no such unit", routed(func(r *RouteSpec) { r.CloudWatchMetric = metric("Farm", "count") }), `routes["extra"].cloudwatch_metric.metric_unit`, []string{`Did you mean "Count"?`}},
	{"no such state", routed(func(r *RouteSpec) {
		r.CloudWatchAlarm = &CloudWatchAlarmRoute{AlarmName: "a", StateReason: "r", StateValue: "ok"}
	}), `routes["extra"].cloudwatch_alarm.state_value`, []string{`Did you mean "OK"?`}},
	{"half a template", routed(func(r *RouteSpec) { r.Kinesis = &KinesisRoute{StreamName: "s", PartitionKey: ptr("${topic(")} }), `routes["extra"].kinesis.partition_key`, []string{"substitution template", "^"}},
	{"a variable that nobody sets", routed(func(r *RouteSpec) { r.Kinesis = &KinesisRoute{StreamName: "s", PartitionKey: ptr("${@key}")} }), `routes["extra"].kinesis.partition_key`, []string{"SET @key"}},
	{"no way to register", func(s *Spec) { s.Provisioning = &ProvisioningSpec{} }, "provisioning", []string{"names no way", "Write claim"}},
	{"a prefix with a space", claim(ClaimSpec{ThingNamePrefix: ptr("a b")}), "provisioning.claim.thing_name_prefix", []string{"begins the names of things"}},
	{"a prefix with a star would widen a role", claim(ClaimSpec{ThingNamePrefix: ptr("a*")}), "provisioning.claim.thing_name_prefix", []string{"up to 64 letters"}},
	{"the serial is no attribute", claim(ClaimSpec{Attributes: []string{"site", "SerialNumber"}}), "provisioning.claim.attributes[1]", []string{"name of the serial"}},
	{"a name that no parameter has", claim(ClaimSpec{Attributes: []string{"iot-pipeline"}}), "provisioning.claim.attributes[0]", []string{"parameter of the template"}},
	{"an attribute twice", claim(ClaimSpec{Attributes: []string{"site", "site"}}), "provisioning.claim.attributes[1]", []string{"stands there twice"}},
	{"too many attributes", claim(ClaimSpec{Attributes: slices.Sorted(maps.Keys(many(48)))}), "provisioning.claim.attributes", []string{"There are 48", "at most 47"}},
	{"version 0", claim(ClaimSpec{CertificateVersion: ptr(int64(0))}), "provisioning.claim.certificate_version", []string{"not between 1"}},
	{"no authority at all", jitp(JITPSpec{CACertificatePEM: "CA"}), "provisioning.jitp.ca_certificate_pem", []string{"no PEM block"}},
	{"a device's certificate", jitp(JITPSpec{CACertificatePEM: certificatePEM(time.Hour)}), "provisioning.jitp.ca_certificate_pem", []string{"CA:TRUE"}},
	{"the key of the authority", jitp(JITPSpec{CACertificatePEM: "-----BEGIN PRIVATE KEY-----"}), "provisioning.jitp.ca_certificate_pem", []string{"holds a private key", "disclosed"}},
	{"a prefix of two levels", jitp(JITPSpec{CACertificatePEM: authorityPEM(time.Hour), ThingNamePrefix: ptr("a/b")}), "provisioning.jitp.thing_name_prefix", []string{"begins the names of things"}},
	{"not a key's ARN", routed(func(r *RouteSpec) { r.KMSKeyARNs = []string{"alias/x"} }), `routes["extra"].kms_key_arns[0]`, []string{"the key's ARN"}},
}

func TestValidateMistakes(t *testing.T) {
	for _, m := range mistakes {
		t.Run(m.why, func(t *testing.T) {
			problems := Validate(edit(m.change), nil)
			if len(problems) != 1 {
				t.Fatalf("%d problems, not one: %s", len(problems), encode(problems))
			}
			p := problems[0]
			if p.Path != m.path || p.Warning {
				t.Errorf("an error at %s is expected, got %+v", m.path, p)
			}
			for _, words := range m.says {
				if !strings.Contains(p.Summary+"\n"+p.Detail, words) {
					t.Errorf("%q is not said:\n%s\n%s", words, p.Summary, p.Detail)
				}
			}
			if !strings.HasSuffix(strings.TrimRight(p.Detail, " "), ".") && !strings.HasSuffix(p.Detail, "^") && !strings.HasSuffix(p.Detail, "?") {
				t.Errorf("the detail is not a sentence: %s", p.Detail)
			}
			if strings.Contains(p.Summary+p.Detail, "%!") {
				t.Errorf("the text is not formatted well: %s %s", p.Summary, p.Detail)
			}
		})
	}
}

// TestValidateUnknown: what is not known yet is never complained about, whatever stands in its place.
func TestValidateUnknown(t *testing.T) {
	for _, m := range mistakes {
		problems := Validate(edit(m.change), func(path string) bool { return strings.HasPrefix(path, m.path) })
		// A name of a map's element is always known, and so is how many there are.
		if len(problems) > 0 && !strings.HasSuffix(m.path, "]") && !strings.HasSuffix(m.path, "attributes") && m.path != "tags" {
			t.Errorf("%s: %s is not known, and yet: %s", m.why, m.path, encode(problems))
		}
	}
}

func TestValidateWarnings(t *testing.T) {
	now = func() time.Time { return time.Now().Add(48 * time.Hour) }
	defer func() { now = time.Now }()
	thousand := map[string]DeviceSpec{}
	for i := range MaxDevices + 1 {
		thousand[fmt.Sprintf("d%d", i)] = DeviceSpec{}
	}
	for _, tc := range []struct {
		why, path, says string
		change          func(*Spec)
	}{
		{"more devices than a map is good for", "devices", "square of a map's size", func(s *Spec) { s.Devices = thousand }},
		{"an expired certificate", `devices["soil"].certificate_pem`, "has expired", device(DeviceSpec{CertificatePEM: ptr(certificatePEM(time.Hour))})},
		{"an expired authority", "provisioning.jitp.ca_certificate_pem", "has expired", jitp(JITPSpec{CACertificatePEM: authorityPEM(time.Hour)})},
		{"a threshold without use", `alerts.thresholds["max"]`, "No condition mentions", func(s *Spec) { s.Alerts = &AlertsSpec{Thresholds: map[string]float64{"max": 1}} }},
		{"one object for all messages", `routes["extra"].s3.key`, "overwrite", routed(func(r *RouteSpec) { r.S3 = &S3Route{Bucket: "b", Key: "k"} })},
	} {
		problems := Validate(edit(tc.change), nil)
		if len(problems) != 1 || !problems[0].Warning || problems[0].Path != tc.path || !strings.Contains(problems[0].Summary+problems[0].Detail, tc.says) {
			t.Errorf("%s: a warning at %s is expected, got %s", tc.why, tc.path, encode(problems))
		}
	}
}

func TestValidateSound(t *testing.T) {
	for _, name := range []string{"minimal", "full"} {
		if problems := Validate(testSpec(t, name), nil); len(problems) > 0 {
			t.Errorf("%s is sound, and yet: %s", name, encode(problems))
		}
	}
	greenhouse := testSpec(t, "greenhouse")
	greenhouse.Devices["soil-002"] = DeviceSpec{CSRPEM: ptr(csrPEM())}
	if problems := Validate(greenhouse, nil); len(problems) > 0 {
		t.Errorf("greenhouse is sound, and yet: %s", encode(problems))
	}
}

func TestPrivateKeyIsNotRepeated(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := block("PRIVATE KEY", der)
	said := encode(Validate(edit(device(DeviceSpec{CSRPEM: &text})), nil)) + encode(Validate(edit(device(DeviceSpec{CertificatePEM: &text})), nil))
	for _, line := range strings.Split(strings.TrimSpace(text), "\n")[1:] {
		if strings.Contains(said, line) {
			t.Fatalf("the key is repeated: %s", said)
		}
	}
}

// TestDevicePolicyFits: with the longest name as prefix, in every partition.
func TestDevicePolicyFits(t *testing.T) {
	name := strings.Repeat("a", MaxNameLength)
	for _, region := range []string{"ap-northeast-1", "us-gov-west-1", "cn-northwest-1"} {
		s := Spec{Name: name, Region: &region, Alerts: &AlertsSpec{Rules: rulesOf("a > 1")}}
		b := newBuilder(s, Env{AccountID: "123456789012", Region: region, Partition: partitionOf(region)})
		if size := policySize(b.devicePolicy()); size > maxDevicePolicy {
			t.Errorf("%s: the policy has %d characters", region, size)
		}
	}
}

func many(n int) map[string]string {
	m := map[string]string{}
	for i := range n {
		m[fmt.Sprintf("k%d", i)] = "v"
	}
	return m
}

func metric(namespace, unit string) *CloudWatchMetricRoute {
	return &CloudWatchMetricRoute{MetricNamespace: namespace, MetricName: "n", MetricValue: "1", MetricUnit: unit}
}

// elevenActions takes the routes of the full pipeline together, as far as eleven.
func elevenActions(r *RouteSpec) {
	text := `{"sql":"SELECT * FROM 'a/b'","kinesis":{"stream_name":"s"},"s3":{"bucket":"b","key":"${newuuid()}"},
		"lambda":{"function_arn":"arn:aws:lambda:eu-west-1:123456789012:function:f"},"sns":{"topic_arn":"arn:aws:sns:eu-west-1:123456789012:t"},
		"sqs":{"queue_url":"https://sqs.eu-west-1.amazonaws.com/123456789012/q"},"dynamodb":{"table_name":"t","hash_key_field":"h","hash_key_value":"v"},
		"dynamodbv2":{"table_name":"t"},"firehose":{"delivery_stream_name":"f"},"cloudwatch_logs":{"log_group_name":"g"},
		"republish":{"topic":"c"},"step_functions":{"state_machine_name":"m"}}`
	if err := json.Unmarshal([]byte(text), r); err != nil {
		panic(err)
	}
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func csrPEM() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return request(key)
}

func smallCSR() string {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return request(key)
}

func edwardsCSR() string {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return request(key)
}

func request(key any) string {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "soil"}}, key)
	if err != nil {
		panic(err)
	}
	return block("CERTIFICATE REQUEST", der)
}

func certificatePEM(valid time.Duration) string { return signedPEM(valid, &x509.Certificate{}) }

func authorityPEM(valid time.Duration) string {
	return signedPEM(valid, &x509.Certificate{BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign})
}

// signedPEM is a certificate that signs itself.
func signedPEM(valid time.Duration, template *x509.Certificate) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(1), time.Now().Add(-time.Hour), time.Now().Add(valid)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return block("CERTIFICATE", der)
}
