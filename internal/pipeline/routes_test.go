package pipeline

// routed gives a description with one valid route, changed.
func routed(change func(r *RouteSpec)) func(*Spec) {
	return func(s *Spec) {
		r := RouteSpec{SQL: "SELECT * FROM 'a/b'", DynamoDBv2: &DynamoDBv2Route{PutItem: DynamoDBv2PutItem{TableName: "t"}}}
		change(&r)
		s.Routes = map[string]RouteSpec{"extra": r}
	}
}

func metric(namespace, unit string) *CloudWatchMetricRoute {
	return &CloudWatchMetricRoute{MetricNamespace: namespace, MetricName: "n", MetricValue: "1", MetricUnit: unit}
}

// routeMistakes are the mistakes in routes.
var routeMistakes = []mistake{
	{"a hyphen in a rule's name", func(s *Spec) {
		s.Routes = map[string]RouteSpec{
			"to-s3": {SQL: "SELECT * FROM 'a'", DynamoDBv2: &DynamoDBv2Route{PutItem: DynamoDBv2PutItem{TableName: "t"}}},
		}
	}, `routes["to-s3"]`, []string{"no hyphen"}},
	{"the name of one of the pipeline's rules", func(s *Spec) {
		s.Routes = map[string]RouteSpec{
			"archive": {SQL: "SELECT * FROM 'a'", DynamoDBv2: &DynamoDBv2Route{PutItem: DynamoDBv2PutItem{TableName: "t"}}},
		}
	}, `routes["archive"]`, []string{"one of the pipeline's own rules"}},
	{
		"invalid SQL",
		routed(func(r *RouteSpec) { r.SQL = "SELEC * FROM 'a/b'" }),
		`routes["extra"].sql`,
		[]string{"not a valid AWS IoT SQL statement", "1:1", "^"},
	},
	{"no action", routed(func(r *RouteSpec) { r.DynamoDBv2 = nil }), `routes["extra"]`, []string{"has no action"}},
	{"an ARN instead of a name", routed(func(r *RouteSpec) {
		r.Kinesis = &KinesisRoute{StreamName: "arn:aws:kinesis:eu-west-1:123456789012:stream/s"}
	}), `routes["extra"].kinesis.stream_name`, []string{"should be a name"}},
	{
		"an unknown ACL",
		routed(func(r *RouteSpec) { r.S3 = &S3Route{BucketName: "b", Key: "${newuuid()}", CannedACL: ptr("public")} }),
		`routes["extra"].s3.canned_acl`,
		[]string{"unknown value"},
	},
	{"another region", routed(func(r *RouteSpec) {
		r.Lambda = &LambdaRoute{FunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:f"}
	}), `routes["extra"].lambda.function_arn`, []string{`region "us-east-1"`, "only in its own region"}},
	{
		"not a function",
		routed(func(r *RouteSpec) { r.Lambda = &LambdaRoute{FunctionARN: "f"} }),
		`routes["extra"].lambda.function_arn`,
		[]string{"arn:aws:lambda:"},
	},
	{
		"a FIFO topic",
		routed(func(r *RouteSpec) { r.SNS = &SNSRoute{TargetARN: "arn:aws:sns:eu-west-1:123456789012:t.fifo"} }),
		`routes["extra"].sns.target_arn`,
		[]string{"FIFO topic"},
	},
	{"a FIFO queue's URL", routed(func(r *RouteSpec) {
		r.SQS = &SQSRoute{QueueURL: "https://sqs.eu-west-1.amazonaws.com/123456789012/q.fifo"}
	}), `routes["extra"].sqs.queue_url`, []string{"FIFO queue"}},
	{
		"a queue's ARN",
		routed(func(r *RouteSpec) { r.SQS = &SQSRoute{QueueURL: "arn:aws:sqs:eu-west-1:123456789012:q"} }),
		`routes["extra"].sqs.queue_url`,
		[]string{"an ARN is not accepted"},
	},
	{"a range key without a value", routed(func(r *RouteSpec) {
		r.DynamoDB = &DynamoDBRoute{TableName: "t", HashKeyField: "h", HashKeyValue: "v", RangeKeyField: ptr("r")}
	}), `routes["extra"].dynamodb`, []string{"incomplete"}},
	{
		"a record without dimensions",
		routed(func(r *RouteSpec) { r.Timestream = &TimestreamRoute{DatabaseName: "d", TableName: "t"} }),
		`routes["extra"].timestream.dimension`,
		[]string{"needs a dimension"},
	},
	{"a reserved dimension", routed(func(r *RouteSpec) {
		r.Timestream = &TimestreamRoute{DatabaseName: "d", TableName: "t", Dimension: []TimestreamDimension{{"time", "x"}}}
	}), `routes["extra"].timestream.dimension[0].name`, []string{"reserves measure_name, time"}},
	{"a dimension twice", routed(func(r *RouteSpec) {
		r.Timestream = &TimestreamRoute{DatabaseName: "d", TableName: "t",
			Dimension: []TimestreamDimension{{"bay", "x"}, {"bay", "y"}}}
	}), `routes["extra"].timestream.dimension[1].name`, []string{"appears twice"}},
	{
		"an unknown quality of service",
		routed(func(r *RouteSpec) { r.Republish = &RepublishRoute{Topic: "c", QoS: ptr(int64(2))} }),
		`routes["extra"].republish.qos`,
		[]string{"between 0 and 1"},
	},
	{
		"one dollar sign",
		routed(func(r *RouteSpec) { r.Republish = &RepublishRoute{Topic: "$aws/things/x/shadow/update"} }),
		`routes["extra"].republish.topic`,
		[]string{"two dollar signs"},
	},
	{
		"a loop",
		routed(func(r *RouteSpec) { r.Republish = &RepublishRoute{Topic: "a/b"} }),
		`routes["extra"].republish.topic`,
		[]string{"endless loop"},
	},
	{
		"a wildcard in the topic to publish to",
		routed(func(r *RouteSpec) { r.Republish = &RepublishRoute{Topic: "a/+"} }),
		`routes["extra"].republish.topic`,
		[]string{"wildcard"},
	},
	{"eleven actions", routed(func(r *RouteSpec) {
		*r = RouteSpec{
			SQL:     r.SQL,
			Kinesis: &KinesisRoute{StreamName: "s"},
			S3:      &S3Route{BucketName: "bucket", Key: "${newuuid()}"},
			Lambda:  &LambdaRoute{FunctionARN: "arn:aws:lambda:eu-west-1:123456789012:function:f"},
			SNS:     &SNSRoute{TargetARN: "arn:aws:sns:eu-west-1:123456789012:t"},
			SQS:     &SQSRoute{QueueURL: "https://sqs.eu-west-1.amazonaws.com/123456789012/q"},
			DynamoDB: &DynamoDBRoute{
				TableName:    "t",
				HashKeyField: "k",
				HashKeyValue: "${topic()}",
			},
			DynamoDBv2:     &DynamoDBv2Route{PutItem: DynamoDBv2PutItem{TableName: "t"}},
			Firehose:       &FirehoseRoute{DeliveryStreamName: "d"},
			CloudWatchLogs: &CloudWatchLogsRoute{LogGroupName: "g"},
			Republish: &RepublishRoute{
				Topic: "copy/${topic()}",
			},
			StepFunctions: &StepFunctionsRoute{StateMachineName: "m"},
		}
	}), `routes["extra"]`, []string{"has too many actions", "It has 11 and AWS IoT allows 10 per rule"}},
	{
		"a retired service",
		routed(func(r *RouteSpec) { r.HTTP = &HTTPRoute{URL: "https://data.iotevents.eu-west-1.amazonaws.com/x"} }),
		`routes["extra"].http.url`,
		[]string{"AWS IoT Events ended on 2026-05-20"},
	},
	{"batches that are off", routed(func(r *RouteSpec) {
		r.HTTP = &HTTPRoute{URL: "https://x.example.com", BatchConfig: &HTTPBatch{MaxBatchSize: ptr(int64(2))}}
	}), `routes["extra"].http.batch_config`, []string{"Batching is off"}},
	{"a batch that is too large", routed(func(r *RouteSpec) {
		r.HTTP = &HTTPRoute{URL: "https://x.example.com", EnableBatching: ptr(true),
			BatchConfig: &HTTPBatch{MaxBatchSize: ptr(int64(11))}}
	}), `routes["extra"].http.batch_config.max_batch_size`, []string{"between 2 and 10"}},
	{"a custom endpoint", routed(func(r *RouteSpec) {
		r.OpenSearch = &OpenSearchRoute{Endpoint: "https://search.example.com", Index: "i", ID: "1"}
	}), `routes["extra"].opensearch.endpoint`, []string{"a custom endpoint does not name the domain"}},
	{"a destination that is not a VPC destination", routed(func(r *RouteSpec) {
		r.Kafka = &KafkaRoute{DestinationARN: "arn:aws:iot:eu-west-1:123456789012:ruledestination/http/x", Topic: "t",
			ClientProperties: map[string]string{"bootstrap.servers": "b:9094", "security.protocol": "SSL"}}
	}), `routes["extra"].kafka.destination_arn`, []string{"ruledestination/vpc/"}},
	{"a Kafka client without servers", routed(func(r *RouteSpec) {
		r.Kafka = &KafkaRoute{DestinationARN: "arn:aws:iot:eu-west-1:123456789012:ruledestination/vpc/x", Topic: "t",
			ClientProperties: map[string]string{"security.protocol": "SSL"}}
	}), `routes["extra"].kafka.client_properties`, []string{"bootstrap.servers is missing"}},
	{"an entry by alias and by ID", routed(func(r *RouteSpec) {
		r.IoTSiteWise = &IoTSiteWiseRoute{Entries: []SiteWiseEntry{{PropertyAlias: ptr("/a"), PropertyID: ptr("p")}}}
	}), `routes["extra"].iot_sitewise.put_asset_property_value_entries[0]`, []string{"either property_alias, or both"}},
	{"an action without entries", routed(func(r *RouteSpec) { r.IoTSiteWise = &IoTSiteWiseRoute{} }),
		`routes["extra"].iot_sitewise.put_asset_property_value_entries`, []string{"writes nothing"}},
	{"a value of two types", routed(func(r *RouteSpec) {
		r.IoTSiteWise = &IoTSiteWiseRoute{Entries: []SiteWiseEntry{{PropertyAlias: ptr("/a"),
			PropertyValues: []SiteWiseValue{{Value: SiteWiseVariant{DoubleValue: ptr("1"), StringValue: ptr("1")}}}}}}
	}), `routes["extra"].iot_sitewise.put_asset_property_value_entries[0].property_values[0].value`,
		[]string{"exactly one of"}},
	{"a quality that SiteWise does not know", routed(func(r *RouteSpec) {
		r.IoTSiteWise = &IoTSiteWiseRoute{Entries: []SiteWiseEntry{{PropertyAlias: ptr("/a"),
			PropertyValues: []SiteWiseValue{{Value: SiteWiseVariant{DoubleValue: ptr("1")}, Quality: ptr("FINE")}}}}}
	}), `routes["extra"].iot_sitewise.put_asset_property_value_entries[0].property_values[0].quality`,
		[]string{"GOOD"}},
	{"signed for a retired service", routed(func(r *RouteSpec) {
		r.HTTP = &HTTPRoute{
			URL: "https://x.example.com",
			SigV4: &HTTPSigV4{
				ServiceName:   "iotanalytics",
				SigningRegion: "eu-west-1",
				RoleARN:       "arn:aws:iam::123456789012:role/r",
			},
		}
	}), `routes["extra"].http.sigv4.service_name`, []string{"AWS IoT Analytics ended on 2025-12-15"}},
	{
		"a URL without TLS",
		routed(func(r *RouteSpec) { r.HTTP = &HTTPRoute{URL: "http://x.example.com"} }),
		`routes["extra"].http.url`,
		[]string{"https://"},
	},
	{
		"a namespace reserved by AWS",
		routed(func(r *RouteSpec) { r.CloudWatchMetric = metric("AWS/IoT", "Count") }),
		`routes["extra"].cloudwatch_metric.metric_namespace`,
		[]string{"reserved"},
	},
	{
		"an unknown unit",
		routed(func(r *RouteSpec) { r.CloudWatchMetric = metric("Farm", "count") }),
		`routes["extra"].cloudwatch_metric.metric_unit`,
		[]string{`Did you mean "Count"?`},
	},
	{"an unknown state", routed(func(r *RouteSpec) {
		r.CloudWatchAlarm = &CloudWatchAlarmRoute{AlarmName: "a", StateReason: "r", StateValue: "ok"}
	}), `routes["extra"].cloudwatch_alarm.state_value`, []string{`Did you mean "OK"?`}},
	{
		"an unfinished template",
		routed(func(r *RouteSpec) { r.Kinesis = &KinesisRoute{StreamName: "s", PartitionKey: ptr("${topic(")} }),
		`routes["extra"].kinesis.partition_key`,
		[]string{"substitution template", "^"},
	},
	{
		"a variable that is not set",
		routed(func(r *RouteSpec) { r.Kinesis = &KinesisRoute{StreamName: "s", PartitionKey: ptr("${@key}")} }),
		`routes["extra"].kinesis.partition_key`,
		[]string{"SET @key"},
	},
	{
		"not a key's ARN",
		routed(func(r *RouteSpec) { r.KMSKeyARNs = []string{"alias/x"} }),
		`routes["extra"].kms_key_arns[0]`,
		[]string{"the key's ARN"},
	},
}
