package alerts

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/notice"
)

// fixture is an alert handler with its table in moto, and a stand-in for what it talks to: SNS, devices, the queue.
type fixture struct {
	*handler
	t     *testing.T
	moto  *mototest.Server
	table *dynamodb.Client
	aws   *lambdatest.AWS
	clock time.Time
	last  int // requests so far
}

func newFixture(t *testing.T, rules string) *fixture {
	t.Helper()
	return newFixtureWith(t, rules, nil)
}

// newFixtureWith is newFixture with more environment variables.
func newFixtureWith(t *testing.T, rules string, env map[string]string) *fixture {
	t.Helper()
	f := &fixture{
		t:     t,
		moto:  mototest.Start(t),
		aws:   lambdatest.StartAWS(t),
		clock: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC),
	}
	f.table = dynamodb.NewFromConfig(f.moto.Config(t))
	if _, err := f.table.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("greenhouse"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("device_id"),
			AttributeType: types.ScalarAttributeTypeS}},
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("device_id"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
	if rules != "" {
		f.put("$rules", map[string]types.AttributeValue{"document": &types.AttributeValueMemberS{Value: rules}})
	}
	all := map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": f.moto.URL}
	maps.Copy(all, env)
	h, err := newHandler(f.aws.Getenv(all), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	h.now = func() time.Time { return f.clock }
	f.handler = h
	return f
}

func (f *fixture) put(key string, item map[string]types.AttributeValue) {
	f.t.Helper()
	item["device_id"] = &types.AttributeValueMemberS{Value: key}
	if _, err := f.table.PutItem(f.t.Context(), &dynamodb.PutItemInput{TableName: aws.String("greenhouse"),
		Item: item}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) setThreshold(key, name, value string) {
	f.put(key, map[string]types.AttributeValue{"values": &types.AttributeValueMemberM{
		Value: map[string]types.AttributeValue{name: &types.AttributeValueMemberN{Value: value}}}})
}

// message is the event that the alerts rule makes of a device's message.
func (f *fixture) message(thing, payload string) []byte {
	text, err := json.Marshal(map[string]any{
		"payload": base64.StdEncoding.EncodeToString(
			[]byte(payload),
		), "topic": "greenhouse/" + thing + "/telemetry", "thing": thing,
		"client_id": thing, "received_at": f.clock.Add(-250 * time.Millisecond).UnixMilli(), "trace_id": "trace-1",
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return text
}

// send hands the handler a message as a request of its own.
func (f *fixture) send(thing, payload string) error {
	f.last++
	return f.request(fmt.Sprintf("request-%d", f.last), f.message(thing, payload))
}

// request hands it an event under a request ID; Lambda's retries have the first try's.
func (f *fixture) request(id string, event []byte) error {
	ctx, cancel := context.WithDeadline(
		lambdacontext.NewContext(f.t.Context(), &lambdacontext.LambdaContext{AwsRequestID: id}),
		time.Now().Add(20*time.Second),
	)
	defer cancel()
	f.clock = f.clock.Add(time.Millisecond)
	// The handler's clock is the fixture's; the deadline is the test's.
	_, err := f.Invoke(ctx, event)
	return err
}

func (f *fixture) mustSend(thing, payload string) {
	f.t.Helper()
	if err := f.send(thing, payload); err != nil {
		f.t.Fatal(err)
	}
}

// published is one SNS message.
type published struct {
	subject, structure string
	forms              map[string]string
	attributes         map[string]string
	notice             notice.Notice
}

// notices returns the SNS messages that were accepted.
func (f *fixture) notices() []published {
	f.t.Helper()
	var out []published
	for _, call := range f.aws.Calls("sns:Publish") {
		if call.Refused {
			continue
		}
		form, err := url.ParseQuery(string(call.Body))
		if err != nil {
			f.t.Fatal(err)
		}
		p := published{
			subject:    form.Get("Subject"),
			structure:  form.Get("MessageStructure"),
			attributes: map[string]string{},
		}
		for i := 1; form.Has(fmt.Sprintf("MessageAttributes.entry.%d.Name", i)); i++ {
			entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
			p.attributes[form.Get(entry+"Name")] = form.Get(entry + "Value.StringValue")
		}
		if err := json.Unmarshal([]byte(form.Get("Message")), &p.forms); err != nil {
			f.t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(p.forms["sqs"]), &p.notice); err != nil {
			f.t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// told lists "state rule thing suppressed" of every notice so far.
func (f *fixture) told() []string {
	out := []string{}
	for _, p := range f.notices() {
		out = append(out,
			fmt.Sprintf("%s %s %s %d", p.notice.State, p.notice.Rule, p.notice.Thing, p.notice.Suppressed))
	}
	return out
}

func (f *fixture) wantTold(why string, want ...string) {
	f.t.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, f.told()); diff != "" {
		f.t.Fatalf("%s: notices (-want +got):\n%s", why, diff)
	}
}
