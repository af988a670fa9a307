package rules

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// fixture is an engine with what leaves it.
type fixture struct {
	*Engine
	mu        sync.Mutex
	published []message.Message
	invoked   []string
	events    []runlog.Event
}

func newRig(t testing.TB, config aws.Config) *fixture {
	t.Helper()
	r := &fixture{}
	r.Engine = New(Options{
		Clients: awsapi.NewLocal(config), AccountID: mototest.AccountID, RetryFor: 20 * time.Second,
		Credentials: config.Credentials,
		Publish: func(m message.Message) error {
			r.note(func() {
				r.published = append(r.published,
					m)
			})
			return nil
		},
		Invoke: func(_ context.Context, arn string, payload []byte) error {
			if strings.Contains(arn, "missing") {
				return errors.New("no such function")
			}
			r.note(func() { r.invoked = append(r.invoked, arn+" "+string(payload)) })
			return nil
		},
		Call:   func(_ context.Context, _ string, payload []byte) ([]byte, error) { return payload, nil },
		Events: func(e runlog.Event) { r.note(func() { r.events = append(r.events, e) }) },
	})
	t.Cleanup(r.Close)
	return r
}

func (r *fixture) note(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func (r *fixture) set(t testing.TB, rules ...Rule) {
	t.Helper()
	if err := r.Set(rules); err != nil {
		t.Fatal(err)
	}
}

// send handles a message of soil-001 and waits for its actions.
func (r *fixture) send(topic, payload string) {
	m := message.New(topic, []byte(payload))
	m.ClientID, m.SourceIP, m.TraceID = "soil-001", "127.0.0.1", "trace-1"
	m.Time = time.UnixMilli(1700000000123)
	r.Handle(m)
	r.Wait(context.Background())
}

// settled waits for all actions.
func (r *fixture) settled(t testing.TB) {
	t.Helper()
	if err := r.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func newRule(name, sql string, actions ...types.Action) Rule {
	return Rule{RuleName: &name, Sql: &sql, AwsIotSqlVersion: aws.String("2016-03-23"), Actions: actions}
}

func lambdaTo(arn string) types.Action {
	return types.Action{Lambda: &types.LambdaAction{FunctionArn: &arn}}
}

func TestRulesMatchAndSelect(t *testing.T) {
	r := newRig(t, aws.Config{})
	disabled := newRule("off", "SELECT 'off' AS by FROM 'gh/#'", lambdaTo("f"))
	disabled.RuleDisabled = aws.Bool(true)
	r.set(t,
		newRule("all", "SELECT *, topic(2) AS thing, clientid() AS client, traceid() AS trace FROM 'gh/+/telemetry'",
			lambdaTo("f")),
		newRule("hot", "SELECT VALUE temperature FROM 'gh/+/telemetry' WHERE temperature > 50", lambdaTo("f")),
		newRule("other", "SELECT * FROM 'other/#'", lambdaTo("f")),
		newRule("basic", "SELECT topic() AS topic", lambdaTo("f")), disabled)
	r.send("gh/soil-001/telemetry", `{"temperature":20}`)
	r.send("gh/soil-001/telemetry", `{"temperature":60}`)
	r.send("$aws/rules/basic/gh/soil-001/telemetry", `{"temperature":60}`)
	want := []string{
		`f {"temperature":20,"thing":"soil-001","client":"soil-001","trace":"trace-1"}`,
		`f {"temperature":60,"thing":"soil-001","client":"soil-001","trace":"trace-1"}`,
		`f 60`,
		`f {"topic":"gh/soil-001/telemetry"}`,
	}
	if diff := cmp.Diff(want, r.invoked); diff != "" {
		t.Errorf("invocations (-want +got):\n%s", diff)
	}
}

func TestBasicIngestToAnUnknownRuleIsReported(t *testing.T) {
	r := newRig(t, aws.Config{})
	r.send("$aws/rules/none/a", "{}")
	if len(r.events) != 1 || !strings.Contains(r.events[0].Error, "RuleNotFound") {
		t.Errorf("got events %+v", r.events)
	}
}

func TestOneBadRuleLeavesTheOthers(t *testing.T) {
	r := newRig(t, aws.Config{})
	err := r.Set([]Rule{
		newRule("bad_sql", "SELEKT *"),
		newRule("bad_template", "SELECT * FROM 'a'", lambdaTo("${topic(")),
		newRule("good", "SELECT * FROM 'a'", lambdaTo("f")),
	})
	if err == nil || !strings.Contains(err.Error(), `"bad_sql"`) || !strings.Contains(err.Error(), `"bad_template"`) {
		t.Errorf("got error %v", err)
	}
	r.send("a", "{}")
	if len(r.invoked) != 1 {
		t.Errorf("got %v, want the good rule's invocation", r.invoked)
	}
}

func TestErrorActionGetsAllFailuresOnce(t *testing.T) {
	r := newRig(t, aws.Config{})
	failing := newRule("telemetry", "SELECT temperature FROM 'gh/#'",
		lambdaTo("arn:aws:lambda:us-east-1:1:function:missing:live"),
		lambdaTo("arn:aws:lambda:us-east-1:1:function:missing2"), lambdaTo("f"))
	failing.ErrorAction = &types.Action{Lambda: &types.LambdaAction{FunctionArn: aws.String("errors-${topic(2)}")}}
	r.set(t, failing)
	r.send("$aws/rules/telemetry/gh/soil-001", `{"temperature":1}`)
	if len(r.invoked) != 2 || r.invoked[0] != `f {"temperature":1}` {
		t.Fatalf("got %v", r.invoked)
	}
	target, document, _ := strings.Cut(r.invoked[1], " ")
	var got map[string]any
	if err := json.Unmarshal([]byte(document), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"ruleName":              "telemetry",
		"topic":                 "gh/soil-001",
		"cloudwatchTraceId":     "trace-1",
		"clientId":              "soil-001",
		"sourceIp":              "127.0.0.1",
		"base64OriginalPayload": "eyJ0ZW1wZXJhdHVyZSI6MX0=",
		"failures": []any{
			map[string]any{
				"failedAction":   "LambdaAction",
				"failedResource": "missing",
				"errorMessage":   "no such function",
			},
			map[string]any{
				"failedAction":   "LambdaAction",
				"failedResource": "missing2",
				"errorMessage":   "no such function",
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" || target != "errors-soil-001" {
		t.Errorf("error document to %s (-want +got):\n%s", target, diff)
	}
}

func TestUnsupportedActionFailsIntoTheErrorAction(t *testing.T) {
	r := newRig(t, aws.Config{})
	rule := newRule("k", "SELECT * FROM 'a'", types.Action{Kafka: &types.KafkaAction{}})
	rule.ErrorAction = &types.Action{Lambda: &types.LambdaAction{FunctionArn: aws.String("e")}}
	r.set(t, rule)
	r.send("a", "{}")
	if len(r.invoked) != 1 || !strings.Contains(r.invoked[0], "does not support") {
		t.Errorf("got %v", r.invoked)
	}
}

func TestRepublish(t *testing.T) {
	r := newRig(t, aws.Config{})
	r.set(t, newRule(
		"r",
		"SELECT temperature FROM 'gh/#'",
		types.Action{
			Republish: &types.RepublishAction{
				Topic: aws.String("$$aws/things/${topic(2)}/shadow/update"),
				Qos:   aws.Int32(1),
				Headers: &types.MqttHeaders{
					PayloadFormatIndicator: aws.String("UTF8_DATA"),
					ContentType:            aws.String("text/${topic(2)}"),
					CorrelationData:        aws.String("AQI="),
					MessageExpiry:          aws.String("${temperature}"),
					UserProperties: []types.UserProperty{
						{Key: aws.String("from"), Value: aws.String("${clientid()}")},
					},
				},
			},
		},
		types.Action{Republish: &types.RepublishAction{Topic: aws.String("a/+/b")}},
	))
	r.send("gh/soil-001/telemetry", `{"temperature":60}`)
	want := message.New("$aws/things/soil-001/shadow/update", []byte(`{"temperature":60}`))
	want.QoS, want.TraceID = 1, "trace-1"
	want.MQTT5 = &message.Properties{
		UTF8:            true,
		ContentType:     "text/soil-001",
		CorrelationData: []byte{1, 2},
		ExpirySeconds:   60,
		User:            []message.UserProperty{{Key: "from", Value: "soil-001"}},
	}
	if diff := cmp.Diff([]message.Message{want}, r.published); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	if len(r.events) != 2 || !strings.Contains(r.events[1].Error, "wildcard") {
		t.Errorf("got events %+v, want a failure of the topic with a wildcard", r.events)
	}
}

func TestHTTPAction(t *testing.T) {
	var mu sync.Mutex
	var got []string
	refusals := 2
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, r.URL.Path+" "+r.Header.Get("X-Device")+" "+r.Header.Get("Content-Type")+" "+string(body))
		switch {
		case r.URL.Path == "/bad":
			w.WriteHeader(http.StatusBadRequest)
		case refusals > 0:
			refusals--
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	r := newRig(t, aws.Config{})
	r.set(t, newRule("h", "SELECT * FROM 'gh/+/+'", types.Action{
		Http: &types.HttpAction{
			Url:     aws.String(server.URL + "/${topic(3)}"),
			Headers: []types.HttpActionHeader{{Key: aws.String("X-Device"), Value: aws.String("${topic(2)}")}},
		},
	}))
	r.send("gh/soil-001/telemetry", `{"a":1}`)
	r.send("gh/soil-001/bad", `{"a":1}`)
	want := []string{
		"/telemetry soil-001 application/json {\"a\":1}",
		"/telemetry soil-001 application/json {\"a\":1}",
		"/telemetry soil-001 application/json {\"a\":1}",
		"/bad soil-001 application/json {\"a\":1}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if r.events[0].Error != "" || r.events[1].Error == "" {
		t.Errorf("got events %+v", r.events)
	}
}
