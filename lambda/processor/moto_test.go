package processor

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// pipeline is a processor and what it writes to, in moto.
type pipeline struct {
	*processor
	moto    *mototest.Server
	table   *dynamodb.Client
	letters *sqs.Client
	queue   string
	getenv  func(string) string
}

func motoPipeline(t *testing.T, more map[string]string) pipeline {
	t.Helper()
	server := mototest.Start(t)
	cfg := server.Config(t)
	ctx := t.Context()
	table := dynamodb.NewFromConfig(cfg)
	if _, err := table.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String("greenhouse"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("device_id"),
			AttributeType: types.ScalarAttributeTypeS}},
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("device_id"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := table.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String("greenhouse-readings"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("device_id"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("at"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("device_id"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("at"), KeyType: types.KeyTypeRange},
		},
	}); err != nil {
		t.Fatal(err)
	}
	history := timestreamwrite.NewFromConfig(cfg, func(o *timestreamwrite.Options) {
		o.EndpointDiscovery.EnableEndpointDiscovery = aws.EndpointDiscoveryDisabled
	})
	if _, err := history.CreateDatabase(ctx,
		&timestreamwrite.CreateDatabaseInput{DatabaseName: aws.String("greenhouse")}); err != nil {
		t.Fatal(err)
	}
	if _, err := history.CreateTable(ctx, &timestreamwrite.CreateTableInput{DatabaseName: aws.String("greenhouse"),
		TableName: aws.String("telemetry")}); err != nil {
		t.Fatal(err)
	}
	letters := sqs.NewFromConfig(cfg)
	queue, err := letters.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("greenhouse-dead-letters")})
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"IOT_DEAD_LETTER_QUEUE_URL": *queue.QueueUrl}
	for name, value := range more {
		env[name] = value
	}
	getenv := (&lambdatest.AWS{URL: server.URL}).Getenv(env)
	p, err := newProcessor(getenv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return pipeline{p, server, table, letters, *queue.QueueUrl, getenv}
}

// device reads a device's item, flattened to text.
func device(t *testing.T, table *dynamodb.Client, thing string) map[string]string {
	t.Helper()
	out, err := table.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(
			"greenhouse",
		), Key: map[string]types.AttributeValue{"device_id": &types.AttributeValueMemberS{Value: thing}},
	})
	if err != nil {
		t.Fatal(err)
	}
	item := map[string]string{}
	for name, value := range out.Item {
		item[name] = describe(value)
	}
	delete(item, "device_id")
	delete(item, contract.SlotAttribute) // TestTheSlotOfADevice
	return item
}

func describe(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return strconv.Quote(v.Value)
	case *types.AttributeValueMemberN:
		return v.Value
	case *types.AttributeValueMemberBOOL:
		return fmt.Sprint(v.Value)
	case *types.AttributeValueMemberM:
		var parts []string
		for name, value := range v.Value {
			parts = append(parts, name+"="+describe(value))
		}
		slices.Sort(parts)
		return strings.Join(parts, " ")
	}
	return fmt.Sprintf("%T", v)
}

// at is a moment in milliseconds after the start of the events.
func at(after time.Duration) string {
	return fmt.Sprint(lambdatest.Start.Add(after).UnixMilli())
}

func TestDeviceStateInMoto(t *testing.T) {
	const ms = time.Millisecond
	telemetry := func(after, measured time.Duration, v int) lambdatest.Record {
		return lambdatest.Record{Thing: "soil-001", After: after,
			Payload: fmt.Sprintf(`{"timestamp":%s,"data":{"v":%d}}`, at(measured), v)}
	}
	status := func(after time.Duration, text string) lambdatest.Record {
		return lambdatest.Record{
			Thing:   "soil-001",
			After:   after,
			Payload: lambdatest.Status("soil-001", text, lambdatest.Start.Add(after)),
		}
	}
	item := func(seen, measured time.Duration, latest, status string, statusAt time.Duration) map[string]string {
		return map[string]string{
			"last_seen":   at(seen),
			"measured_at": at(measured),
			"latest":      latest,
			"status":      strconv.Quote(status),
			"status_at":   at(statusAt),
		}
	}
	// left is item after the device has said that it leaves.
	left := func(farewell time.Duration, item map[string]string) map[string]string {
		item["farewell_at"] = at(farewell)
		return item
	}
	p := motoPipeline(t, nil)
	first := lambdatest.Event(telemetry(10*ms, 5*ms, 1), telemetry(20*ms, 15*ms, 2))
	for _, step := range []struct {
		why   string
		event []byte
		want  map[string]string
	}{
		{"a new device: the newest of the batch", first, item(20*ms, 15*ms, "v=2", "online", 20*ms)},
		{"a replay changes nothing", first, item(20*ms, 15*ms, "v=2", "online", 20*ms)},
		{"newer values", lambdatest.Event(telemetry(30*ms, 25*ms, 3)), item(30*ms, 25*ms, "v=3", "online", 30*ms)},
		{"an old batch again changes nothing", first, item(30*ms, 25*ms, "v=3", "online", 30*ms)},
		{"a backlog: seen now, measured then", lambdatest.Event(telemetry(40*ms, 8*ms, 4)),
			item(40*ms, 25*ms, "v=3", "online", 40*ms)},
		{"a late arrival of newer values: measured later, seen earlier", lambdatest.Event(telemetry(35*ms, 34*ms, 5)),
			item(40*ms, 34*ms, "v=5", "online", 40*ms)},
		{"the device says that it leaves", lambdatest.Event(status(50*ms, `{"status":"offline"}`)),
			left(50*ms, item(50*ms, 34*ms, "v=5", "offline", 50*ms))},
		{"an older message does not bring it back", lambdatest.Event(telemetry(45*ms, 44*ms, 6)),
			left(50*ms, item(50*ms, 44*ms, "v=6", "offline", 50*ms))},
		{"a newer one does", lambdatest.Event(telemetry(60*ms, 55*ms, 7)),
			left(50*ms, item(60*ms, 55*ms, "v=7", "online", 60*ms))},
		{"in one batch the later of message and status decides",
			lambdatest.Event(telemetry(70*ms, 65*ms, 8), status(71*ms, "offline")),
			left(71*ms, item(71*ms, 65*ms, "v=8", "offline", 71*ms))},
		{"a message without measures is a sign of life",
			lambdatest.Event(lambdatest.Record{Thing: "soil-001", After: 80 * ms, Payload: `{}`}),
			left(71*ms, item(80*ms, 65*ms, "v=8", "online", 80*ms))},
		{"every type, and a number that DynamoDB cannot hold",
			lambdatest.Event(lambdatest.Record{Thing: "soil-001", After: 90 * ms,
				Payload: `{"a":-1.5,"b":true,"c":"x","d":1e300,"e":{"f":2}}`}),
			left(71*ms, item(90*ms, 90*ms, `a=-1.5 b=true c="x" d="1e+300" e.f=2`, "online", 90*ms))},
	} {
		if failed := invoke(t, p.processor, step.event, quick); failed != "" {
			t.Fatalf("%s: failed from %s", step.why, failed)
		}
		if diff := cmp.Diff(step.want, device(t, p.table, "soil-001")); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", step.why, diff)
		}
	}
}

// A silent device returns by a write of its own, and the watch function finds a note of it.
func TestASilentDeviceReturnsInMoto(t *testing.T) {
	p := motoPipeline(t, nil)
	record := func(after time.Duration) []byte {
		return lambdatest.Event(lambdatest.Record{Thing: "soil-001", After: after, Payload: `{"v":1}`})
	}
	invoke(t, p.processor, record(0), quick)
	_, err := p.table.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName:                aws.String("greenhouse"),
		Key:                      map[string]types.AttributeValue{"device_id": &types.AttributeValueMemberS{Value: "soil-001"}},
		UpdateExpression:         aws.String("SET #status = :silent, silent_at = :now"),
		ExpressionAttributeNames: map[string]string{"#status": "status"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":silent": &types.AttributeValueMemberS{Value: "silent"},
			":now":    &types.AttributeValueMemberN{Value: at(10 * time.Minute)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	invoke(t, p.processor, record(0), quick)
	if got := device(t, p.table, "soil-001")["status"]; got != `"silent"` {
		t.Errorf("after a replay of what it sent before, the device is %s", got)
	}
	if note := device(t, p.table, "$returned#soil-001"); len(note) > 0 {
		t.Errorf("a replay leaves the note %v", note)
	}
	const later = 15 * time.Minute
	for range 2 { // the second time is a replay
		invoke(t, p.processor, record(later), quick)
	}
	item := device(t, p.table, "soil-001")
	if item["status"] != `"online"` || item["last_seen"] != at(later) {
		t.Errorf("the device is %v", item)
	}
	want := map[string]string{
		"status": `"returned"`, "last_seen": at(later), "silent_since": at(0),
		"expires_at": fmt.Sprint(lambdatest.Start.Add(later + keepReturned).Unix()),
	}
	if diff := cmp.Diff(want, device(t, p.table, "$returned#soil-001")); diff != "" {
		t.Errorf("the note (-want +got):\n%s", diff)
	}
}

func TestDeviceTTLInMoto(t *testing.T) {
	p := motoPipeline(t, map[string]string{"IOT_DEVICE_TTL_DAYS": "30"})
	invoke(t, p.processor, lambdatest.Event(lambdatest.Record{Thing: "soil-001", Payload: `{"v":1}`}), quick)
	want := fmt.Sprint(lambdatest.Start.Add(30 * 24 * time.Hour).Unix())
	if got := device(t, p.table, "soil-001")["expires_at"]; got != want {
		t.Errorf("expires_at is %s, want %s: 30 days after it was seen, in seconds", got, want)
	}
}

func TestWholeBatchInMoto(t *testing.T) {
	p := motoPipeline(t, nil)
	event := lambdatest.Fleet(300, 3)
	for range 2 { // the second time is a replay
		if failed := invoke(t, p.processor, event, quick); failed != "" {
			t.Fatalf("failed from %s", failed)
		}
		records := p.moto.TimestreamRecords(t, "greenhouse", "telemetry")
		if len(records) != 300 {
			t.Fatalf("Timestream has %d records, want 300", len(records))
		}
		for _, r := range records {
			if r.MeasureName != "telemetry" || len(r.MeasureValues) != 4 || len(r.Dimensions) != 1 ||
				r.Dimensions[0].Name != "device_id" {
				t.Fatalf("record %+v", r)
			}
		}
	}
	for i := range 3 {
		thing := fmt.Sprintf("soil-%03d", i)
		if item := device(t, p.table, thing); !strings.Contains(item["latest"], "temperature=") ||
			item["status"] != `"online"` {
			t.Errorf("%s is %v", thing, item)
		}
	}
}

func TestDeadLetterInMoto(t *testing.T) {
	p := motoPipeline(t, nil)
	if failed := invoke(t, p.processor, lambdatest.Event(lambdatest.Record{Thing: "soil-001", Payload: "broken"}),
		quick); failed != "" {
		t.Fatalf("failed from %s", failed)
	}
	got, err := p.letters.ReceiveMessage(
		t.Context(),
		&sqs.ReceiveMessageInput{QueueUrl: aws.String(p.queue), MaxNumberOfMessages: 10},
	)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Messages) != 1 || !strings.Contains(*got.Messages[0].Body, `"reason":"not_json"`) {
		t.Errorf("the queue has %d messages: %v", len(got.Messages), got.Messages)
	}
}
