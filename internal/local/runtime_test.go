package local

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

func TestTelemetryReachesEveryStore(t *testing.T) {
	d := deploy(t, 1)
	r, l := d.run(t)
	device := must(d.connect(t, r, "soil-001", "soil-001"))(t)
	commands := make(chan string, 10)
	if token := device.Subscribe("gh/soil-001/commands", 1,
		func(_ paho.Client, m paho.Message) { commands <- string(m.Payload()) }); !token.WaitTimeout(
		20*time.Second,
	) ||
		token.Error() != nil {
		t.Fatal("subscribing: ", token.Error())
	}
	now := time.Now().UnixMilli()
	publish(
		t,
		device,
		"gh/soil-001/telemetry",
		fmt.Sprintf(`{"timestamp":%d,"data":{"temperature":21.5,"humidity":40}}`, now),
	)
	publish(
		t,
		device,
		"gh/soil-001/telemetry",
		fmt.Sprintf(`{"timestamp":%d,"data":{"temperature":60,"humidity":40}}`, now+1),
	)
	publish(
		t,
		device,
		"gh/soil-001/telemetry",
		fmt.Sprintf(`{"timestamp":%d,"data":{"temperature":61,"humidity":40}}`, now+2),
	)
	publish(t, device, "gh/soil-001/telemetry", "\x00\xff no JSON")
	if command := <-commands; !strings.Contains(command, "enter_safe_mode") {
		t.Errorf("got command %s", command)
	}
	drain(t, r)

	records := d.server.TimestreamRecords(t, "gh", "readings")
	if len(records) != 3 {
		t.Errorf("got %d Timestream records, want 3: %+v", len(records), records)
	}
	item := must(
		d.aws.DynamoDB().GetItem(t.Context(), &dynamodb.GetItemInput{
			TableName: aws.String("gh"),
			Key: map[string]ddbtypes.AttributeValue{
				"device_id": &ddbtypes.AttributeValueMemberS{Value: "soil-001"},
			},
		}),
	)(t).Item
	latest, ok := item["latest"].(*ddbtypes.AttributeValueMemberM)
	if !ok || latest.Value["temperature"].(*ddbtypes.AttributeValueMemberN).Value != "61" {
		t.Errorf("got device state %v", item)
	}
	if n := len(must(d.aws.S3().ListObjectsV2(t.Context(),
		&s3.ListObjectsV2Input{Bucket: aws.String("gh-archive")}))(t).Contents); n != 4 {
		t.Errorf("got %d archived objects, want 4", n)
	}
	if n := d.server.Notifications(t, d.topic); len(n) != 1 || !strings.Contains(n[0].Message, "soil-001") {
		t.Errorf("got notifications %+v, want one per cooldown", n)
	}
	letters := must(
		d.aws.SQS().ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &d.queue, MaxNumberOfMessages: 10}),
	)(t).Messages
	if len(letters) != 1 || !strings.Contains(*letters[0].Body, `"processor"`) {
		t.Errorf("got dead letters %v, want the one message that is not JSON", letters)
	}
	l.await(t, func(e runlog.Event) bool { return e.Kind == runlog.Acted && e.Rule == "gh_telemetry" && e.Error == "" })
	if len(commands) != 0 {
		t.Errorf("got %d more commands", len(commands))
	}
}

func TestDevicesStayWithinTheirPolicy(t *testing.T) {
	d := deploy(t, 2)
	r, l := d.run(t)
	if _, err := d.connect(t, r, "soil-001", "soil-002"); err == nil {
		t.Error("connected with the client ID of another device")
	}
	device := must(d.connect(t, r, "soil-001", "soil-001"))(t)
	token := device.Subscribe("gh/soil-002/commands", 1, nil).(*paho.SubscribeToken)
	if !token.WaitTimeout(20*time.Second) || token.Result()["gh/soil-002/commands"] < 0x80 {
		t.Error("subscribed to the commands of another device")
	}
	device.Publish("gh/soil-002/telemetry", 1, false, "{}")
	l.await(t, func(e runlog.Event) bool { return e.Kind == runlog.Disconnected && e.Thing == "soil-001" })

	principals := must(
		d.aws.IoT().ListThingPrincipals(t.Context(), &iot.ListThingPrincipalsInput{ThingName: aws.String("soil-001")}),
	)(t).Principals
	id := principals[0][strings.LastIndexByte(principals[0], '/')+1:]
	must(d.aws.IoT().UpdateCertificate(t.Context(),
		&iot.UpdateCertificateInput{CertificateId: &id, NewStatus: types.CertificateStatusInactive}))(t)
	if _, err := d.connect(t, r, "soil-001", "soil-001"); err == nil {
		t.Error("connected with an inactive certificate")
	}
}

func TestShadowOverMQTT(t *testing.T) {
	d := deploy(t, 1)
	r, _ := d.run(t)
	device := must(d.connect(t, r, "soil-001", "soil-001"))(t)
	answers := make(chan string, 10)
	if token := device.Subscribe("$aws/things/soil-001/shadow/update/accepted", 1,
		func(_ paho.Client, m paho.Message) { answers <- string(m.Payload()) }); !token.WaitTimeout(
		20*time.Second,
	) ||
		token.Error() != nil {
		t.Fatal("subscribing: ", token.Error())
	}
	publish(t, device, "$aws/things/soil-001/shadow/update", `{"state":{"reported":{"open":true}}}`)
	if a := <-answers; !strings.Contains(a, `"open":true`) {
		t.Errorf("got %s", a)
	}
}

func TestChangesAreTakenOverWithoutRestart(t *testing.T) {
	d := deploy(t, 1)
	r, l := d.run(t)
	device := must(d.connect(t, r, "soil-001", "soil-001"))(t)

	d.rule(t, "status", "SELECT topic(2) AS thing FROM 'gh/+/status'",
		types.Action{Sqs: &types.SqsAction{QueueUrl: &d.queue, RoleArn: aws.String("r")}})
	l.await(t, func(e runlog.Event) bool { return e.Kind == runlog.Changed && e.Rule == "gh_status" })
	publish(t, device, "gh/soil-001/status", `{"state":"online"}`)
	drain(t, r)
	if m := must(d.aws.SQS().ReceiveMessage(t.Context(),
		&sqs.ReceiveMessageInput{QueueUrl: &d.queue}))(t).Messages; len(
		m,
	) != 1 ||
		*m[0].Body != `{"thing":"soil-001"}` {
		t.Errorf("got %v from the new rule", m)
	}

	publish(t, device, "gh/soil-001/telemetry", `{"data":{"temperature":1}}`)
	drain(t, r)
	mappings := must(d.aws.Lambda().ListEventSourceMappings(t.Context(),
		&lambda.ListEventSourceMappingsInput{FunctionName: aws.String("gh-processor")}))(t).EventSourceMappings
	l.mu.Lock()
	before := reads(l.events)
	l.mu.Unlock()
	must(d.aws.Lambda().UpdateEventSourceMapping(t.Context(),
		&lambda.UpdateEventSourceMappingInput{UUID: mappings[0].UUID, BatchSize: aws.Int32(7)}))(t)
	l.await(t, func(runlog.Event) bool { return reads(l.events) > before })
	publish(t, device, "gh/soil-001/telemetry", `{"data":{"temperature":2}}`)
	drain(t, r)
	if records := d.server.TimestreamRecords(t, "gh", "readings"); len(records) != 2 {
		t.Errorf("got %d records across the changed mapping, want 2", len(records))
	}

	must(d.aws.IoT().DeleteTopicRule(t.Context(), &iot.DeleteTopicRuleInput{RuleName: aws.String("gh_status")}))(t)
	l.await(t, func(e runlog.Event) bool { return e.Rule == "gh_status" && e.Detail == "rule removed" })
}

// TestPipelineThatIsDestroyedAndMadeAgain: nothing of it runs on or is waited for, also when all of it goes between
// two looks at what is deployed; another one of its name runs as the first did.
func TestPipelineThatIsDestroyedAndMadeAgain(t *testing.T) {
	d := deploy(t, 1)
	r, l := d.run(t)
	device := must(d.connect(t, r, "soil-001", "soil-001"))(t)
	publish(t, device, "gh/soil-001/telemetry", `{"data":{"temperature":1}}`)
	drain(t, r)
	d.server.Reset(t)
	drain(t, r)
	l.await(t, func(e runlog.Event) bool { return e.Rule == "gh_telemetry" && e.Detail == "rule removed" })
	l.await(t, func(e runlog.Event) bool { return e.Action == "gh-processor" && e.Detail == "function removed" })
	l.await(t, func(e runlog.Event) bool {
		return e.Action == "refresh" && strings.Contains(e.Error, ErrNotDeployed.Error())
	})

	d.make(t, 1)
	taken := 0
	l.await(t, func(e runlog.Event) bool { // rules are what a refresh takes over last
		if e.Rule == "gh_telemetry" && strings.HasPrefix(e.Detail, "rule with") {
			taken++
		}
		return taken == 2
	})
	device = must(d.connect(t, r, "soil-001", "soil-001"))(t)
	publish(t, device, "gh/soil-001/telemetry", `{"data":{"temperature":2}}`)
	drain(t, r)
	if records := d.server.TimestreamRecords(t, "gh", "readings"); len(records) != 1 {
		t.Errorf("got %d records of the re-created pipeline, want 1", len(records))
	}
}

// Stopping twice is stopping once: there is nothing left to wait for.
func TestStopAgain(t *testing.T) {
	r, _ := deploy(t, 1).run(t) // which stops it again at the end
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 2 {
		if err := r.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
}

// reads counts how often a reader of a stream was started.
func reads(events []runlog.Event) int {
	n := 0
	for _, e := range events {
		if strings.HasPrefix(e.Detail, "reads ") {
			n++
		}
	}
	return n
}

func TestThrottledStoreLosesNothing(t *testing.T) {
	d := deploy(t, 1)
	r, _ := d.run(t)
	device := must(d.connect(t, r, "soil-001", "soil-001"))(t)
	d.server.Fail(t, mototest.Fault{
		Service:   "timestream-write",
		Operation: "WriteRecords",
		Code:      "ThrottlingException",
		Message:   "Rate exceeded",
		Times:     5,
	})
	d.server.Fail(t, mototest.Fault{
		Service:   "kinesis",
		Operation: "PutRecords",
		Code:      "ProvisionedThroughputExceededException",
		Message:   "slow down",
		Times:     3,
	})
	const sent = 100
	for i := range sent {
		publish(
			t,
			device,
			"gh/soil-001/telemetry",
			fmt.Sprintf(`{"timestamp":%d,"data":{"temperature":%d}}`, 1700000000000+int64(i), i%50),
		)
	}
	drain(t, r)
	if n := len(d.server.TimestreamRecords(t, "gh", "readings")); n != sent {
		t.Errorf("got %d records, want %d", n, sent)
	}
}

func TestStartTellsWhatIsMissing(t *testing.T) {
	config := mototest.Start(t).Config(t)
	_, err := Start(t.Context(),
		Options{Config: config, Pipeline: "nowhere", MQTTAddr: "127.0.0.1:0", StateDir: t.TempDir()})
	if !errors.Is(err, ErrNotDeployed) {
		t.Errorf("got error %v, want one that the pipeline is not deployed", err)
	}
}

func TestUnknownCodeIsToldWithTheWayOut(t *testing.T) {
	d := deploy(t, 0)
	var mu sync.Mutex
	var told []string
	r, err := Start(t.Context(), Options{
		Config:   d.server.Config(t),
		Pipeline: "gh",
		MQTTAddr: "127.0.0.1:0",
		StateDir: t.TempDir(),
		Refresh:  time.Hour,
		Events:   func(e runlog.Event) { mu.Lock(); defer mu.Unlock(); told = append(told, e.Error) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.refresh(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if n := strings.Count(strings.Join(told, "\n"), "--function processor=PATH"); n != 1 {
		t.Errorf("told %d times, want once: %q", n, told)
	}
}
