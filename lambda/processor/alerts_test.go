package processor

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

const invokeFunction = "lambda:InvokeFunction"

// statement is what the provider writes for data.v > 5 (TestAlertsInTheStream in internal/pipeline).
const statement = "SELECT encode(*, 'base64') AS payload, topic() AS topic, topic(2) AS thing, 'stream' AS evaluated, " +
	"timestamp() AS received_at, traceid() AS trace_id FROM 'greenhouse/+/telemetry' WHERE get_or_default(data.v > 5, FALSE)"

// watching is a processor that looks for alerts, with its table in moto; calls are what it sends elsewhere.
func watching(t *testing.T, text string) (p pipeline, calls *lambdatest.AWS) {
	t.Helper()
	calls = lambdatest.StartAWS(t)
	p = motoPipeline(t, map[string]string{contract.EnvAlertsFunction: "greenhouse-alerts",
		"AWS_ENDPOINT_URL_LAMBDA": calls.URL})
	p.rule(t, text)
	return p, calls
}

// rule writes what the provider writes.
func (p pipeline) rule(t *testing.T, text string) {
	t.Helper()
	document, err := json.Marshal(contract.AlertRules[float64]{Version: contract.AlertRulesVersion, Stream: text})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.table.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("greenhouse"),
		Item: map[string]types.AttributeValue{contract.DeviceKey: textValue(contract.RulesItem),
			contract.DocumentAttribute: textValue(string(document))}}); err != nil {
		t.Fatal(err)
	}
}

// passed are the payloads that reached the alerts function, sorted.
func passed(t *testing.T, calls *lambdatest.AWS) []string {
	t.Helper()
	out := []string{}
	for _, call := range calls.Calls(invokeFunction) {
		var e struct{ Payload string }
		if err := json.Unmarshal(call.Body, &e); err != nil {
			t.Fatalf("%s: %v", call.Body, err)
		}
		payload, err := base64.StdEncoding.DecodeString(e.Payload)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(payload))
	}
	slices.Sort(out)
	return out
}

// The event is the one that the topic rule makes, without the client, and with the record as its trace.
func TestTheEventOfAnAlert(t *testing.T) {
	p, calls := watching(t, statement)
	invoke(t, p.processor, lambdatest.Event(lambdatest.Record{Thing: "soil-001", Payload: `{"data":{"v":6}}`,
		Sequence: "77", After: second}), quick)
	list := calls.Calls(invokeFunction)
	if len(list) != 1 || list[0].Path != "/2015-03-31/functions/greenhouse-alerts/invocations" {
		t.Fatalf("calls %v", list)
	}
	var got map[string]any
	if err := json.Unmarshal(list[0].Body, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"payload": base64.StdEncoding.EncodeToString([]byte(`{"data":{"v":6}}`)),
		"topic": "greenhouse/soil-001/telemetry", "thing": "soil-001", "evaluated": "stream", "trace_id": "77",
		"received_at": float64(lambdatest.Start.Add(second).UnixMilli())}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

// What reaches the function: messages that the statement selects, and nothing that is not telemetry of a device.
func TestWhichMessagesReachTheAlertsFunction(t *testing.T) {
	p, calls := watching(t, statement)
	var records []lambdatest.Record
	for i := range 450 { // more than two workers look at
		records = append(records, lambdatest.Record{Thing: fmt.Sprintf("soil-%03d", i),
			Payload: fmt.Sprintf(`{"data":{"v":%d}}`, i%10)})
	}
	records = append(records,
		lambdatest.Record{Thing: "soil-001", Payload: "not JSON"},
		lambdatest.Record{Thing: "soil-001", Payload: `{"data":{"v":"text"}}`},
		lambdatest.Record{Thing: "no thing", Payload: `{"data":{"v":9}}`},
		lambdatest.Record{Thing: "soil-001", Payload: lambdatest.Status("soil-001", `{"data":{"v":9}}`, lambdatest.Start)})
	invoke(t, p.processor, lambdatest.Event(records...), quick)
	counts := map[string]int{}
	for _, payload := range passed(t, calls) {
		counts[payload]++
	}
	want := map[string]int{`{"data":{"v":6}}`: 45, `{"data":{"v":7}}`: 45, `{"data":{"v":8}}`: 45, `{"data":{"v":9}}`: 45}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("passed on (-want +got):\n%s", diff)
	}
}

// A statement is read once a minute. One that cannot be read or compiled leaves the last one in use; without one, the
// batch comes again.
func TestTheStatementOfTheAlerts(t *testing.T) {
	p, calls := watching(t, statement)
	now := lambdatest.Start
	p.now = func() time.Time { return now }
	var n int
	send := func(why string, want int) {
		t.Helper()
		invoke(t, p.processor, lambdatest.Event(lambdatest.Record{Thing: "soil-001", Payload: `{"data":{"v":4}}`}), quick)
		if got := len(calls.Calls(invokeFunction)) - n; got != want {
			t.Errorf("%s: %d messages passed on, want %d", why, got, want)
		}
		n = len(calls.Calls(invokeFunction))
	}
	send("4 is not more than 5", 0)
	p.rule(t, strings.Replace(statement, "> 5", "> 3", 1))
	send("the statement is not read again", 0)
	now = now.Add(time.Minute)
	send("it is now", 1)
	p.rule(t, "SELECT nonsense(")
	now = now.Add(time.Minute)
	send("a statement that does not compile", 1)
	p.rule(t, "")
	now = now.Add(time.Minute)
	send("no statement: no rule is left", 0)

	fresh, err := newProcessor(p.getenv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	p.rule(t, "SELECT nonsense(")
	if failed := invoke(t, fresh, lambdatest.Event(lambdatest.Record{Thing: "soil-001", Payload: `{}`, Sequence: "5"}),
		quick); failed != "5" {
		t.Errorf("without a statement the batch is repeated from %q", failed)
	}
}

// A message that the alerts function does not get is passed on again, with the records after it.
func TestAnAlertThatIsNotPassedOnComesAgain(t *testing.T) {
	p, calls := watching(t, statement)
	event := lambdatest.Event(lambdatest.Record{Thing: "soil-001", Payload: `{"data":{"v":1}}`},
		lambdatest.Record{Thing: "soil-001", Payload: `{"data":{"v":6}}`})
	calls.Misbehave(only(invokeFunction, 0, &lambdatest.Fault{Status: 403, Code: "AccessDeniedException"}))
	if failed := invoke(t, p.processor, event, quick); failed != "2" {
		t.Errorf("failed from %q, want 2", failed)
	}
	calls.Misbehave(nil)
	if failed := invoke(t, p.processor, event, quick); failed != "" {
		t.Errorf("failed from %q", failed)
	}
	if got := passed(t, calls); len(got) != 2 { // the refused call and the good one
		t.Errorf("calls with %v", got)
	}
}
