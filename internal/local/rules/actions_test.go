package rules

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// against starts moto and an engine on it.
func against(t *testing.T) (*mototest.Server, *awsapi.Clients, *fixture) {
	t.Helper()
	s := mototest.Start(t)
	return s, awsapi.NewLocal(s.Config(t)), newRig(t, s.Config(t))
}

// noFailures fails the test if an action failed.
func (r *fixture) noFailures(t *testing.T) {
	t.Helper()
	for _, e := range r.events {
		if e.Error != "" {
			t.Errorf("%s %s: %s", e.Action, e.Target, e.Error)
		}
	}
}

func table(t *testing.T, c *awsapi.Clients, name string) {
	t.Helper()
	must(
		c.DynamoDB().CreateTable(
			t.Context(),
			&dynamodb.CreateTableInput{TableName: &name, BillingMode: ddbtypes.BillingModePayPerRequest,
				AttributeDefinitions: []ddbtypes.AttributeDefinition{
					{AttributeName: aws.String("id"), AttributeType: "S"},
					{AttributeName: aws.String("at"), AttributeType: "N"},
				},
				KeySchema: []ddbtypes.KeySchemaElement{
					{AttributeName: aws.String("id"), KeyType: "HASH"},
					{AttributeName: aws.String("at"), KeyType: "RANGE"},
				}},
		),
	)(t)
}

func items(t *testing.T, c *awsapi.Clients, name string) []any {
	t.Helper()
	var all []any
	for _, i := range must(c.DynamoDB().Scan(t.Context(), &dynamodb.ScanInput{TableName: &name}))(t).Items {
		all = append(all, plain(&ddbtypes.AttributeValueMemberM{Value: i}))
	}
	return all
}

func TestS3WritesOneObjectPerMessage(t *testing.T) {
	_, c, r := against(t)
	must(c.S3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("archive")}))(t)
	r.set(
		t,
		newRule("s", "SELECT * FROM 'gh/#'", types.Action{
			S3: &types.S3Action{
				BucketName: aws.String("archive"),
				Key:        aws.String("raw/${topic(2)}/${timestamp()}-${newuuid()}.json"),
			},
		}),
	)
	r.send("gh/soil-001/telemetry", `{"a":1}`)
	r.send("gh/soil-001/telemetry", "\x00\xff")
	r.noFailures(t)
	list := must(c.S3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("archive")}))(t)
	var bodies []string
	for _, o := range list.Contents {
		if !strings.HasPrefix(*o.Key, "raw/soil-001/1700000000123-") {
			t.Errorf("key %s", *o.Key)
		}
		object := must(c.S3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("archive"), Key: o.Key}))(t)
		bodies = append(bodies, string(must(io.ReadAll(object.Body))(t)))
	}
	if len(bodies) != 2 || !strings.Contains(strings.Join(bodies, " "), `{"a":1}`) ||
		!strings.Contains(strings.Join(bodies, " "), "\x00\xff") {
		t.Errorf("got objects %q", bodies)
	}
}

func TestQueuesAndTopics(t *testing.T) {
	s, c, r := against(t)
	queue := must(c.SQS().CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")}))(t).QueueUrl
	topic := must(c.SNS().CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("alerts")}))(t).TopicArn
	r.set(t, newRule("q", "SELECT a FROM 'gh/#'",
		types.Action{Sqs: &types.SqsAction{QueueUrl: queue, UseBase64: aws.Bool(true)}},
		types.Action{Sqs: &types.SqsAction{QueueUrl: queue}},
		types.Action{Sns: &types.SnsAction{TargetArn: topic, MessageFormat: types.MessageFormatRaw}}))
	r.send("gh/soil-001/telemetry", `{"a":1}`)
	r.noFailures(t)
	var got []string
	for _, m := range must(c.SQS().ReceiveMessage(t.Context(),
		&sqs.ReceiveMessageInput{QueueUrl: queue, MaxNumberOfMessages: 10}))(t).Messages {
		got = append(got, *m.Body)
	}
	if diff := cmp.Diff([]string{"eyJhIjoxfQ==", `{"a":1}`}, got); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]mototest.Notification{{Message: `{"a":1}`}}, s.Notifications(t, *topic)); diff != "" {
		t.Errorf("topic (-want +got):\n%s", diff)
	}
}

func TestDynamoDB(t *testing.T) {
	_, c, r := against(t)
	table(t, c, "v1")
	table(t, c, "v2")
	r.set(
		t,
		newRule("d", "SELECT * FROM 'gh/#'", types.Action{
			DynamoDB: &types.DynamoDBAction{
				TableName:     aws.String("v1"),
				HashKeyField:  aws.String("id"),
				HashKeyValue:  aws.String("${topic(2)}"),
				RangeKeyField: aws.String("at"),
				RangeKeyType:  types.DynamoKeyTypeNumber,
				RangeKeyValue: aws.String("${timestamp()}"),
				Operation:     aws.String("${op}"),
			},
		}),
		newRule("d2", "SELECT topic(2) AS id, timestamp() AS at, v, l, n FROM 'gh/#' WHERE op = 'INSERT'", types.Action{
			DynamoDBv2: &types.DynamoDBv2Action{PutItem: &types.PutItemInput{TableName: aws.String("v2")}},
		}),
	)
	r.send("gh/soil-001/telemetry", `{"op":"INSERT","v":1.5,"l":[true,"x"],"n":null}`)
	r.noFailures(t)
	if diff := cmp.Diff(`[map[at:1700000000123 id:soil-001 payload:map[l:[true x] n:<nil> op:INSERT v:1.5]]]`,
		sprint(items(t, c, "v1"))); diff != "" {
		t.Errorf("dynamoDB (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(`[map[at:1700000000123 id:soil-001 l:[true x] n:<nil> v:1.5]]`,
		sprint(items(t, c, "v2"))); diff != "" {
		t.Errorf("dynamoDBv2 (-want +got):\n%s", diff)
	}
	r.send("gh/soil-001/telemetry", `{"op":"UPDATE","v":2}`)
	if got := sprint(items(t, c, "v1")); !strings.Contains(got, "payload:map[op:UPDATE v:2]") {
		t.Errorf("after UPDATE: %s", got)
	}
	r.send("gh/soil-001/telemetry", `{"op":"DELETE"}`)
	if got := items(t, c, "v1"); len(got) != 0 {
		t.Errorf("after DELETE: %v", got)
	}
	r.noFailures(t)
	r.send("gh/soil-001/telemetry", `{"op":"FORGET"}`)
	if last := r.events[len(r.events)-1]; !strings.Contains(last.Error, "FORGET") {
		t.Errorf("an unknown operation: got event %+v", last)
	}
}

func TestTimestream(t *testing.T) {
	s, c, r := against(t)
	must(c.TimestreamWrite().CreateDatabase(t.Context(),
		&timestreamwrite.CreateDatabaseInput{DatabaseName: aws.String("db")}))(
		t,
	)
	must(c.TimestreamWrite().CreateTable(t.Context(),
		&timestreamwrite.CreateTableInput{DatabaseName: aws.String("db"), TableName: aws.String("t")}))(t)
	r.set(t, newRule("ts", "SELECT a, b, c, d, e FROM 'gh/#'",
		types.Action{Timestream: &types.TimestreamAction{DatabaseName: aws.String("db"), TableName: aws.String("t"),
			Dimensions: []types.TimestreamDimension{{Name: aws.String("thing"), Value: aws.String("${topic(2)}")}},
			Timestamp:  &types.TimestreamTimestamp{Value: aws.String("${at}"), Unit: aws.String("SECONDS")}}}))
	r.send("gh/soil-001/telemetry", `{"at":1700000000,"a":1,"b":1.5,"c":true,"d":"x","e":{"f":[1,2]}}`)
	r.noFailures(t)
	record := func(name, value, kind string) mototest.Record {
		return mototest.Record{
			Dimensions:       []mototest.Dimension{{Name: "thing", Value: "soil-001"}},
			MeasureName:      name,
			MeasureValue:     value,
			MeasureValueType: kind,
			Time:             "1700000000",
			TimeUnit:         "SECONDS",
			Version:          1,
		}
	}
	want := []mototest.Record{
		record("a", "1", "BIGINT"),
		record("b", "1.5", "DOUBLE"),
		record("c", "true", "BOOLEAN"),
		record("d", "x", "VARCHAR"),
		record("e", `{"f":[1,2]}`, "VARCHAR"),
	}
	if diff := cmp.Diff(want, s.TimestreamRecords(t, "db", "t")); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	r.send("gh/soil-001/telemetry", "\x00")
	if last := r.events[len(r.events)-1]; last.Error == "" {
		t.Error("a binary message was stored")
	}
}

func TestCloudWatchLogs(t *testing.T) {
	_, c, r := against(t)
	must(c.Logs().CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("g")}))(t)
	r.set(
		t,
		newRule("one", "SELECT * FROM 'gh/#'",
			types.Action{CloudwatchLogs: &types.CloudwatchLogsAction{LogGroupName: aws.String("g")}}),
		newRule("many", "SELECT VALUE lines FROM 'gh/#'", types.Action{
			CloudwatchLogs: &types.CloudwatchLogsAction{LogGroupName: aws.String("g"), BatchMode: aws.Bool(true)},
		}),
	)
	now := time.Now()
	const payload = `{"lines":[{"timestamp":%d,"message":"a"},{"timestamp":%d,"message":"b"}]}`
	m := message.New("gh/soil-001/telemetry", fmt.Appendf(nil, payload, now.UnixMilli(), now.UnixMilli()))
	m.Time = now
	r.Handle(m)
	r.settled(t)
	r.noFailures(t)
	for stream, want := range map[string]int{"one": 1, "many": 2} {
		out := must(c.Logs().GetLogEvents(t.Context(),
			&cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: &stream}))(t)
		if len(out.Events) != want {
			t.Errorf("log stream %s has %d lines, want %d", stream, len(out.Events), want)
		}
	}
	r.send("gh/soil-001/telemetry", `{"lines":[]}`)
	if !strings.Contains(sprint(r.events), "rejected log events") {
		t.Error("a message of 2023, which CloudWatch Logs rejects, counts as logged")
	}
	if !strings.Contains(sprint(r.events), "at least one entry") {
		t.Error("an empty array in batch mode, which CloudWatch Logs refuses, counts as logged")
	}
}

// TestFirehoseInBatchMode: an array becomes one call with a record per element. What AWS refuses makes no call, and goes
// to the error action.
func TestFirehoseInBatchMode(t *testing.T) {
	var calls []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var put struct{ Records []struct{ Data []byte } }
		if err := json.NewDecoder(r.Body).Decode(&put); err != nil {
			t.Error(err)
		}
		call := r.Header.Get("X-Amz-Target") + ":"
		for _, record := range put.Records {
			call += " " + string(record.Data)
		}
		calls = append(calls, call)
		fmt.Fprint(w, `{"FailedPutCount":0,"RequestResponses":[]}`)
	}))
	defer server.Close()
	r := newRig(t, stubConfig(server.URL))
	rule := newRule("f", "SELECT VALUE lines FROM 'gh/#'", types.Action{Firehose: &types.FirehoseAction{
		DeliveryStreamName: aws.String("s"), Separator: aws.String(";"), BatchMode: aws.Bool(true)}})
	failed := lambdaTo("arn:aws:lambda:us-east-1:123456789012:function:failed")
	rule.ErrorAction = &failed
	r.set(t, rule)
	r.send("gh/soil-001/telemetry", `{"lines":[{"a":1},{"a":2}]}`)
	r.noFailures(t)
	for _, payload := range []string{`{"lines":[]}`, `{"lines":{"a":1}}`, `{}`,
		`{"lines":[` + strings.Repeat("1,", firehoseBatch) + `1]}`} {
		r.send("gh/soil-001/telemetry", payload)
		if last := len(r.invoked) - 1; last < 0 || !strings.Contains(r.invoked[last], "1 to 500 elements") {
			t.Errorf("%.20s: the error action got %v", payload, r.invoked)
		}
		r.invoked = nil
	}
	if want := []string{`Firehose_20150804.PutRecordBatch: {"a":1}; {"a":2};`}; !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q", calls, want)
	}
}

// moto does not speak the CBOR protocol in which the Go SDK calls CloudWatch; the stub decodes it.
func TestCloudWatchMetricsAndAlarms(t *testing.T) {
	got := map[string]cbor.Map{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := must(io.ReadAll(r.Body))(t)
		if v, ok := must(cbor.Decode(body))(t).(cbor.Map); ok {
			got[path.Base(r.URL.Path)] = v
		}
		w.Header().Set("Content-Type", "application/cbor")
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Write(cbor.Encode(cbor.Map{}))
	}))
	defer server.Close()
	r := newRig(t, stubConfig(server.URL))
	r.set(t, newRule(
		"cw",
		"SELECT * FROM 'gh/#'",
		types.Action{
			CloudwatchMetric: &types.CloudwatchMetricAction{
				MetricNamespace: aws.String("n"),
				MetricName:      aws.String("${topic(2)}"),
				MetricValue:     aws.String("${v}"),
				MetricUnit:      aws.String("None"),
			},
		},
		types.Action{
			CloudwatchAlarm: &types.CloudwatchAlarmAction{
				AlarmName:   aws.String("a"),
				StateReason: aws.String("v is ${v}"),
				StateValue:  aws.String("ALARM"),
			},
		},
	))
	r.send("gh/soil-001/telemetry", `{"v":3}`)
	r.noFailures(t)
	alarm := cbor.Map{
		"AlarmName":   cbor.String("a"),
		"StateReason": cbor.String("v is 3"),
		"StateValue":  cbor.String("ALARM"),
	}
	if diff := cmp.Diff(alarm, got["SetAlarmState"]); diff != "" {
		t.Errorf("SetAlarmState (-want +got):\n%s", diff)
	}
	datum := got["PutMetricData"]["MetricData"].(cbor.List)[0].(cbor.Map)
	if datum["MetricName"] != cbor.String("soil-001") || datum["Value"] != cbor.Float64(3) ||
		datum["Unit"] != cbor.String("None") {
		t.Errorf("PutMetricData got %v", datum)
	}
	r.send("gh/soil-001/telemetry", `{"v":"warm"}`)
	if last := r.events[len(r.events)-2]; !strings.Contains(last.Error, "not a number") {
		t.Errorf("a value that is not a number: got event %+v", last)
	}
}

func TestThrottledStoreIsRetried(t *testing.T) {
	s, c, r := against(t)
	queue := must(c.SQS().CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")}))(t).QueueUrl
	r.set(t, newRule("q", "SELECT a FROM 'gh/#'", types.Action{Sqs: &types.SqsAction{QueueUrl: queue}}))
	s.Fail(t, mototest.Fault{
		Service:   "sqs",
		Operation: "SendMessage",
		Code:      "RequestThrottled",
		Message:   "slow down",
		Times:     4,
	})
	r.send("gh/soil-001/telemetry", `{"a":1}`)
	r.noFailures(t)
	if got := must(c.SQS().ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue}))(t).Messages; len(
		got,
	) != 1 {
		t.Errorf("got %d messages, want 1", len(got))
	}
}
