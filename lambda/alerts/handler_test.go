package alerts

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/notice"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

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
	want := notice.Notice{
		Pipeline: "greenhouse", Rule: "dry", Severity: "warning", State: "alert", Thing: "soil-001",
		Topic:   "greenhouse/soil-001/telemetry",
		Message: "Humidity 29 on soil-001", When: "data.humidity < 35", Time: "2026-01-01T11:59:59.000Z",
		ReceivedAt: "2026-01-01T11:59:59.750Z",
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
	if diff := cmp.Diff(map[string]string{"severity": "warning", "rule": "dry", "pipeline": "greenhouse",
		"thing": "soil-001", "state": "alert"}, got.attributes); diff != "" {
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
	for _, payload := range []string{`{"data":{"humidity":36,"temperature":50}}`, `{"data":{}}`, `{}`, `not json`,
		`[1]`, ``, `{"data":{"humidity":null}}`} {
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
	f.wantTold("the next one tells how many were held back", "alert dry soil-001 0", "alert dry soil-002 0",
		"alert dry soil-001 3")
	f.clock = f.clock.Add(6 * time.Minute)
	f.mustSend("soil-001", dry)
	f.wantTold("and they are told once", "alert dry soil-001 0", "alert dry soil-002 0", "alert dry soil-001 3",
		"alert dry soil-001 0")
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
