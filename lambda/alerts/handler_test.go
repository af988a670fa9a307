package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
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
	f := &fixture{
		t:     t,
		moto:  mototest.Start(t),
		aws:   lambdatest.StartAWS(t),
		clock: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC),
	}
	f.table = dynamodb.NewFromConfig(f.moto.Config(t))
	if _, err := f.table.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("greenhouse"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("device_id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("device_id"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
	if rules != "" {
		f.put("$rules", map[string]types.AttributeValue{"document": &types.AttributeValueMemberS{Value: rules}})
	}
	h, err := newHandler(f.aws.Getenv(map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": f.moto.URL}), io.Discard)
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
	if _, err := f.table.PutItem(f.t.Context(), &dynamodb.PutItemInput{TableName: aws.String("greenhouse"), Item: item}); err != nil {
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
	notice             notice
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
		out = append(
			out,
			fmt.Sprintf("%s %s %s %d", p.notice.State, p.notice.Rule, p.notice.Thing, p.notice.Suppressed),
		)
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

const twoRules = `{"version":1,"thresholds":{"max_temperature":50},"rules":{
	"dry":{"when":"data.humidity < 35","severity":"warning","message":"Humidity ${data.humidity} on ${thing}","cooldown_seconds":300},
	"hot":{"when":"data.temperature > threshold.max_temperature","severity":"critical","message":"${data.temperature} > ${threshold.max_temperature}",
	       "command":"{\"action\":\"enter_safe_mode\",\"at\":${data.temperature}}","cooldown_seconds":300}}}`

func TestANoticeSaysEverything(t *testing.T) {
	f := newFixture(t, twoRules)
	f.mustSend(
		"soil-001",
		`{"deviceId":"x","timestamp":1767268799000,"data":{"humidity":29,"temperature":21.5,"mode":"eco"}}`,
	)
	all := f.notices()
	if len(all) != 1 {
		t.Fatalf("%d notices, want the one whose condition holds", len(all))
	}
	got := all[0]
	want := notice{
		Pipeline: "greenhouse", Rule: "dry", Severity: "warning", State: "alert", Thing: "soil-001", Topic: "greenhouse/soil-001/telemetry",
		Message: "Humidity 29 on soil-001", When: "data.humidity < 35", Time: "2026-01-01T11:59:59.000Z", ReceivedAt: "2026-01-01T11:59:59.750Z",
		Values: map[string]json.RawMessage{
			"humidity":    json.RawMessage("29"),
			"temperature": json.RawMessage("21.5"),
			"mode":        json.RawMessage(`"eco"`),
		},
		Thresholds: map[string]json.RawMessage{"max_temperature": json.RawMessage("50")}, TraceID: "trace-1",
	}
	if diff := cmp.Diff(want, got.notice); diff != "" {
		t.Errorf("notice (-want +got):\n%s", diff)
	}
	if got.structure != "json" || got.subject != "[warning] dry on soil-001: Humidity 29 on soil-001" {
		t.Errorf("structure %q, subject %q", got.structure, got.subject)
	}
	if diff := cmp.Diff(map[string]string{"severity": "warning", "rule": "dry", "pipeline": "greenhouse", "thing": "soil-001", "state": "alert"}, got.attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	for _, form := range []string{"sqs", "lambda", "http", "https", "firehose", "email-json"} {
		if got.forms[form] != got.forms["sqs"] || got.forms[form] == "" {
			t.Errorf("form %q is %q, want the JSON", form, got.forms[form])
		}
	}
	text := `Humidity 29 on soil-001

Severity:   warning
Alert:      dry
Device:     soil-001
Pipeline:   greenhouse
Time:       2026-01-01T11:59:59.000Z
Condition:  data.humidity < 35
Values:     humidity = 29
            mode = "eco"
            temperature = 21.5
Thresholds: max_temperature = 50
`
	for _, form := range []string{"default", "email"} {
		if diff := cmp.Diff(text, got.forms[form]); diff != "" {
			t.Errorf("form %q (-want +got):\n%s", form, diff)
		}
	}
}

func TestEachRuleThatHoldsTells(t *testing.T) {
	f := newFixture(t, twoRules)
	f.mustSend("soil-001", `{"data":{"humidity":29,"temperature":60}}`)
	f.wantTold("both hold", "alert dry soil-001 0", "alert hot soil-001 0")
	commands := f.aws.Calls("iot:Publish")
	if len(commands) != 1 || commands[0].Path != "/topics/greenhouse/soil-001/commands" ||
		commands[0].Query != "qos=1" ||
		string(commands[0].Body) != `{"action":"enter_safe_mode","at":60}` {
		t.Errorf("commands %+v", commands)
	}
	f = newFixture(t, twoRules)
	for _, payload := range []string{`{"data":{"humidity":36,"temperature":50}}`, `{"data":{}}`, `{}`, `not json`, `[1]`, ``, `{"data":{"humidity":null}}`} {
		f.mustSend("soil-001", payload)
	}
	f.wantTold("none holds")
}

func TestCooldown(t *testing.T) {
	f := newFixture(t, twoRules)
	dry := `{"data":{"humidity":29}}`
	f.mustSend("soil-001", dry)
	f.mustSend("soil-002", dry)
	f.wantTold("each device by itself", "alert dry soil-001 0", "alert dry soil-002 0")
	for range 3 {
		f.clock = f.clock.Add(time.Minute)
		f.mustSend("soil-001", dry)
	}
	f.wantTold("nothing new within the cooldown", "alert dry soil-001 0", "alert dry soil-002 0")
	f.clock = f.clock.Add(3 * time.Minute)
	f.mustSend("soil-001", dry)
	f.wantTold(
		"the next one tells how many were held back",
		"alert dry soil-001 0",
		"alert dry soil-002 0",
		"alert dry soil-001 3",
	)
	f.clock = f.clock.Add(6 * time.Minute)
	f.mustSend("soil-001", dry)
	f.wantTold(
		"and they are told once",
		"alert dry soil-001 0",
		"alert dry soil-002 0",
		"alert dry soil-001 3",
		"alert dry soil-001 0",
	)
}

func TestNoAlertIsLostToItsOwnCooldown(t *testing.T) {
	f := newFixture(t, twoRules)
	event := f.message("soil-001", `{"data":{"temperature":60}}`)
	f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
		if c.Action == "sns:Publish" && c.Attempt == 1 {
			return lambdatest.Denied
		}
		if c.Action == "iot:Publish" && c.Attempt == 1 {
			return lambdatest.Denied
		}
		return nil
	})
	if err := f.request("a", event); err == nil ||
		!strings.Contains(err.Error(), `publishing alert "hot" for "soil-001"`) {
		t.Fatalf("error %v, want SNS's", err)
	}
	f.wantTold("SNS refused")
	if err := f.request("b", event); err != nil {
		t.Fatal(err)
	}
	f.wantTold("another event is held back: the first will come again")
	if err := f.request("a", event); err == nil ||
		!strings.Contains(err.Error(), `publishing the command of alert "hot" to "soil-001"`) {
		t.Fatalf("error %v, want the device's", err)
	}
	if err := f.request("a", event); err != nil {
		t.Fatal(err)
	}
	f.wantTold("at least once, with what was held back meanwhile", "alert hot soil-001 1", "alert hot soil-001 1")
	if err := f.request("a", event); err != nil {
		t.Fatal(err)
	}
	f.clock = f.clock.Add(time.Hour)
	if err := f.request("a", event); err != nil {
		t.Fatal(err)
	}
	f.wantTold("and never again for the same request", "alert hot soil-001 1", "alert hot soil-001 1")
}

func TestOneFailingRuleDoesNotSilenceTheOthers(t *testing.T) {
	f := newFixture(t, twoRules)
	f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
		if c.Action == "sns:Publish" && c.Attempt == 1 {
			return lambdatest.Denied
		}
		return nil
	})
	if err := f.send("soil-001", `{"data":{"humidity":29,"temperature":60}}`); err == nil {
		t.Fatal("no error although one alert was not told")
	}
	f.wantTold("the other rule", "alert hot soil-001 0")
}

func TestResolved(t *testing.T) {
	f := newFixture(
		t,
		`{"version":1,"rules":{"dry":{"when":"data.humidity < 35","severity":"info","cooldown_seconds":300,"notify_resolved":true}}}`,
	)
	wet, dry := `{"data":{"humidity":50}}`, `{"data":{"humidity":29}}`
	f.mustSend("soil-001", wet)
	f.wantTold("nothing to resolve")
	f.mustSend("soil-001", dry)
	f.mustSend("soil-001", `{"data":{"temperature":20}}`)
	f.wantTold("a message without the field says nothing", "alert dry soil-001 0")
	f.mustSend("soil-001", wet)
	f.mustSend("soil-001", wet)
	want := []string{"alert dry soil-001 0", "resolved dry soil-001 0"}
	f.wantTold("once", want...)
	if n := f.notices()[1]; n.subject != "[resolved] dry on soil-001: dry: data.humidity < 35" ||
		n.attributes["state"] != "resolved" {
		t.Errorf("subject %q, attributes %v", n.subject, n.attributes)
	}
	for range 5 {
		f.mustSend("soil-001", dry)
		f.mustSend("soil-001", wet)
	}
	f.wantTold("a flapping sensor is quiet in both directions", want...)
	f.clock = f.clock.Add(10 * time.Minute)
	f.mustSend("soil-001", dry)
	f.mustSend("soil-001", wet)
	f.wantTold(
		"after the cooldown it is news again",
		append(want, "alert dry soil-001 5", "resolved dry soil-001 0")...)
}

func TestThresholds(t *testing.T) {
	f := newFixture(t, twoRules)
	at60 := `{"data":{"temperature":60}}`
	for i, step := range []struct {
		why    string
		change func()
		thing  string
		want   bool
	}{
		{"the default of 50", func() {}, "soil-001", true},
		{"the pipeline's override of 70", func() { f.setThreshold("$thresholds", "max_temperature", "70") }, "soil-001", false},
		{"the device's override of 40", func() { f.setThreshold("$thresholds#soil-001", "max_temperature", "40") }, "soil-001", true},
		{"another device has the pipeline's", func() {}, "soil-002", false},
	} {
		step.change()
		f.clock = f.clock.Add(10 * time.Minute) // older than any copy, and than the cooldown
		before := len(f.told())
		f.mustSend(step.thing, at60)
		if told := len(f.told()) > before; told != step.want {
			t.Errorf("step %d, %s: told %v, want %v", i, step.why, told, step.want)
		}
	}
}

func TestThresholdsAreReadOnceAMinute(t *testing.T) {
	f := newFixture(t, twoRules)
	reads := func() (n int) {
		for _, r := range f.moto.Requests(t) {
			if r.Operation == "GetItem" {
				n++
			}
		}
		return n
	}
	cold := `{"data":{"temperature":45}}`
	for range 5 {
		f.mustSend("soil-001", cold)
	}
	if n := reads(); n != 3 {
		t.Errorf("%d reads for 5 messages of one device, want rules, thresholds and the device's", n)
	}
	f.setThreshold("$thresholds", "max_temperature", "40")
	f.mustSend("soil-001", cold)
	f.wantTold("a change is not seen at once")
	f.clock = f.clock.Add(time.Minute)
	f.mustSend("soil-001", cold)
	f.wantTold("but within a minute", "alert hot soil-001 0")
	if n := reads(); n != 6 {
		t.Errorf("%d reads after a minute, want 6", n)
	}
}

// unreachable is a table that cannot be read.
type unreachable struct{ tableAPI }

func (unreachable) GetItem(
	context.Context,
	*dynamodb.GetItemInput,
	...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	return nil, errors.New("the table is unavailable")
}

func TestOldRulesServeWhileTheTableIsAway(t *testing.T) {
	f := newFixture(t, twoRules)
	f.mustSend("soil-001", `{"data":{"humidity":50}}`)
	f.rules.client = unreachable{f.rules.client}
	f.clock = f.clock.Add(5 * time.Minute)
	f.mustSend("soil-001", `{"data":{"humidity":29}}`)
	f.wantTold("by the old rules", "alert dry soil-001 0")
}

func TestWithoutRulesTheEventComesAgain(t *testing.T) {
	f := newFixture(t, twoRules)
	f.rules.client = unreachable{f.rules.client}
	if err := f.send("soil-001", `{}`); err == nil || !strings.Contains(err.Error(), "the table is unavailable") {
		t.Errorf("without any rules: error %v", err)
	}
}

func TestRulesDocuments(t *testing.T) {
	for _, c := range []struct{ document, want, why string }{
		{"", "no rules document", "no item"},
		{"{", "reading the rules document", "not JSON"},
		{`{"version":2}`, "its version is 2", "from a newer provider"},
	} {
		t.Run(c.why, func(t *testing.T) {
			f := newFixture(t, c.document)
			if err := f.send("soil-001", `{}`); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestRulesChange(t *testing.T) {
	f := newFixture(
		t,
		`{"version":1,"rules":{"broken":{"when":"data.humidity <","severity":"info"},"dry":{"when":"data.humidity < 35","severity":"info"}}}`,
	)
	f.mustSend("soil-001", `{"data":{"humidity":29}}`)
	f.mustSend("soil-001", `{"data":{"humidity":29}}`)
	f.wantTold(
		"a broken rule does not silence the others; no cooldown, no silence",
		"alert dry soil-001 0",
		"alert dry soil-001 0",
	)
	f.put(
		"$rules",
		map[string]types.AttributeValue{"document": &types.AttributeValueMemberS{Value: `{"version":1,"rules":{}}`}},
	)
	f.clock = f.clock.Add(time.Minute)
	f.mustSend("soil-001", `{"data":{"humidity":29}}`)
	if len(f.told()) != 2 {
		t.Error("a rule that was removed still tells")
	}
}

func TestEventsThatNoRetryCanHelp(t *testing.T) {
	for _, c := range []struct{ event, thing, why string }{
		{`not json`, "", "no JSON"},
		{`[]`, "", "no object"},
		{`{"thing":"soil-001","topic":"a"}`, "soil-001", "no payload"},
		{`{"thing":"soil-001","topic":"a","payload":"%%%"}`, "soil-001", "no base64"},
		{`{"thing":"$rules","topic":"a","payload":"e30="}`, "$rules", "no thing's name"},
		{`{"topic":"a","payload":"e30="}`, "", "no thing"},
	} {
		t.Run(c.why, func(t *testing.T) {
			f := newFixture(t, twoRules)
			if err := f.request("r-1", []byte(c.event)); err != nil {
				t.Errorf("error %v: Lambda would try again", err)
			}
			got := f.aws.Letters(t)
			if len(got) != 1 || got[0]["reason"] != "invalid_event" || got[0]["source"] != "alerts" ||
				got[0]["sequence_number"] != "r-1" ||
				got[0]["thing"] != c.thing ||
				got[0]["payload_base64"] != base64.StdEncoding.EncodeToString([]byte(c.event)) {
				t.Errorf("letters %v", got)
			}
			f.aws.Misbehave(func(lambdatest.Call) *lambdatest.Fault { return lambdatest.Denied })
			if err := f.request("r-2", []byte(c.event)); err == nil {
				t.Error("no error although the letter was refused")
			}
		})
	}
}

// TestCallsNoMoreThanItsPolicyAllows makes the handler do everything it can do and compares its calls with the list
// that the provider writes the policy document from, both ways.
func TestCallsNoMoreThanItsPolicyAllows(t *testing.T) {
	called := map[string]bool{}
	f := newFixture(
		t,
		`{"version":1,"rules":{"dry":{"when":"data.humidity < 35","severity":"info","cooldown_seconds":300,"notify_resolved":true,"command":"{}"}}}`,
	)
	setup := len(f.moto.Requests(t))
	f.mustSend("soil-001", `{"data":{"humidity":29}}`)
	f.mustSend("soil-001", `{"data":{"humidity":29}}`)
	f.mustSend("soil-001", `{"data":{"humidity":50}}`)
	if err := f.request("r", []byte(`"`+strings.Repeat("x", 1<<20)+`"`)); err != nil {
		t.Fatal(err)
	}
	for _, r := range f.moto.Requests(t)[setup:] {
		called[r.Service+":"+r.Operation] = true
	}
	for _, action := range f.aws.Actions() {
		called[action] = true
	}
	var got, want []string
	for action := range called {
		got = append(got, action)
	}
	for _, need := range needs.Of("alerts") {
		if !need.ByLambda {
			want = append(want, need.Action)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the policy allows (-), the handler calls (+):\n%s", diff)
	}
}
