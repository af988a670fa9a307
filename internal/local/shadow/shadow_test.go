package shadow

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

type fixture struct {
	*Service
	answers chan message.Message
}

func start(t *testing.T) *fixture {
	t.Helper()
	config := mototest.Start(t).Config(t)
	if _, err := iot.NewFromConfig(config).CreateThing(t.Context(),
		&iot.CreateThingInput{ThingName: aws.String("soil-001")}); err != nil {
		t.Fatal(err)
	}
	r := &fixture{answers: make(chan message.Message, 100)}
	r.Service = New(iotdataplane.NewFromConfig(config), func(m message.Message) error { r.answers <- m; return nil },
		nil)
	t.Cleanup(r.Close)
	return r
}

// ask sends a request and returns its n answers: topic behind the prefix, and document.
func (r *fixture) ask(t *testing.T, prefix, operation, payload string, n int) map[string]map[string]any {
	t.Helper()
	r.Handle(message.New(prefix+"/"+operation, []byte(payload)))
	got := map[string]map[string]any{}
	for range n {
		select {
		case m := <-r.answers:
			var document map[string]any
			if err := json.Unmarshal(m.Payload, &document); err != nil {
				t.Fatalf("%s: %v", m.Payload, err)
			}
			got[strings.TrimPrefix(m.Topic, prefix+"/")] = document
		case <-time.After(20 * time.Second):
			t.Fatalf("got %d answers to %s, want %d", len(got), operation, n)
		}
	}
	return got
}

func at(v any, path ...string) any {
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

func TestShadowLife(t *testing.T) {
	for _, prefix := range []string{"$aws/things/soil-001/shadow", "$aws/things/soil-001/shadow/name/valve"} {
		t.Run(prefix, func(t *testing.T) {
			r := start(t)
			rejected := r.ask(t, prefix, "get", `{"clientToken":"t0"}`, 1)["get/rejected"]
			if at(rejected, "code") != 404.0 || at(rejected, "clientToken") != "t0" {
				t.Fatalf("get of no shadow: %v", rejected)
			}
			first := r.ask(t, prefix, "update", `{"state":{"reported":{"open":false}},"clientToken":"t1"}`, 2)
			if at(first["update/accepted"], "state", "reported", "open") != false ||
				at(first["update/accepted"], "clientToken") != "t1" {
				t.Errorf("accepted: %v", first)
			}
			if at(first["update/documents"], "current", "state", "reported", "open") != false ||
				at(first["update/documents"], "previous") != nil {
				t.Errorf("documents: %v", first["update/documents"])
			}
			second := r.ask(t, prefix, "update", `{"state":{"desired":{"open":true}}}`, 3)
			if at(second["update/delta"], "state", "open") != true || at(second["update/delta"], "version") != 2.0 {
				t.Errorf("delta: %v", second["update/delta"])
			}
			if at(second["update/documents"], "previous", "version") != 1.0 ||
				at(second["update/documents"], "current", "version") != 2.0 {
				t.Errorf("documents: %v", second["update/documents"])
			}
			got := r.ask(t, prefix, "get", "", 1)["get/accepted"]
			if at(got, "state", "desired", "open") != true || at(got, "state", "delta", "open") != true {
				t.Errorf("get: %v", got)
			}
			r.ask(t, prefix, "delete", "", 1)
			if _, ok := r.ask(t, prefix, "get", "", 1)["get/rejected"]; !ok {
				t.Error("the shadow outlived its deletion")
			}
		})
	}
}

func TestUpdateIsRefused(t *testing.T) {
	r := start(t)
	for payload, code := range map[string]float64{"no json": 400, `{"state":{"reported":{"x":"` +
		strings.Repeat("x", maxDocument) + `"}}}`: 413} {
		got := r.ask(t, "$aws/things/soil-001/shadow", "update", payload, 1)["update/rejected"]
		if at(got, "code") != code {
			t.Errorf("%.20s…: got %v, want code %v", payload, got, code)
		}
	}
}

func TestOtherTopicsAreNoRequests(t *testing.T) {
	for _, topic := range []string{"$aws/things/a/shadow/update/accepted", "$aws/things/a/shadow/name/n/get/rejected",
		"gh/a/shadow/get", "$aws/things/a/jobs/get", "$aws/things/a/shadow/list"} {
		if _, ok := parse(topic); ok {
			t.Errorf("%s counts as a request", topic)
		}
	}
}

// A change over HTTP is told to devices like one over MQTT. Its refusal is for the caller only.
func TestUpdateOverHTTP(t *testing.T) {
	const prefix = "$aws/things/soil-001/shadow/name/config"
	r := start(t)
	answer, err := r.Update(t.Context(), "soil-001", "config", []byte(`{"state":{"desired":{"interval":60}}}`))
	if err != nil || !strings.Contains(string(answer), `"interval":60`) && !strings.Contains(string(answer), `"interval": 60`) {
		t.Fatalf("got %s, %v", answer, err)
	}
	got := map[string]any{}
	for range 3 {
		m := <-r.answers
		var document map[string]any
		if err := json.Unmarshal(m.Payload, &document); err != nil {
			t.Fatal(err)
		}
		got[strings.TrimPrefix(m.Topic, prefix+"/")] = document
	}
	if at(got["update/delta"], "state", "interval") != 60.0 || got["update/accepted"] == nil ||
		got["update/documents"] == nil {
		t.Errorf("devices hear %v", got)
	}
	var coded interface{ HTTPStatusCode() int }
	for payload, status := range map[string]int{`{"state":{"desired":{"a":1}},"version":7}`: 409, `no JSON`: 400,
		`{"state":{"desired":{"a":"` + strings.Repeat("x", maxDocument) + `"}}}`: 413} {
		if _, err := r.Update(t.Context(), "soil-001", "config", []byte(payload)); !errors.As(err, &coded) ||
			coded.HTTPStatusCode() != status {
			t.Errorf("%.40s: %v, want status %d", payload, err, status)
		}
	}
	if len(r.answers) > 0 {
		t.Errorf("devices hear of a refusal: %+v", <-r.answers)
	}
}

// Whoever changes a shadow at the endpoint changes it for the devices that have asked for it.
func TestRefreshTellsOfChangesAtTheEndpoint(t *testing.T) {
	const prefix = "$aws/things/soil-001/shadow/name/edge"
	r := start(t)
	change := func(state string) {
		t.Helper()
		if _, err := r.client.UpdateThingShadow(t.Context(), &iotdataplane.UpdateThingShadowInput{
			ThingName: aws.String("soil-001"), ShadowName: aws.String("edge"),
			Payload: []byte(`{"state":` + state + `}`)}); err != nil {
			t.Fatal(err)
		}
	}
	r.Refresh() // nobody has asked
	r.ask(t, prefix, "get", "", 1)
	change(`{"desired":{"version":1}}`)
	r.Refresh()
	created := r.ask(t, prefix, "get", "", 3)
	if at(created["update/documents"], "current", "state", "desired", "version") != 1.0 ||
		at(created["update/delta"], "state", "version") != 1.0 {
		t.Errorf("after it was created: %v", created)
	}
	r.Refresh() // nothing has changed
	change(`{"desired":{"version":2}}`)
	r.Refresh()
	changed := r.ask(t, prefix, "get", "", 3)
	if at(changed["update/documents"], "previous", "state", "desired", "version") != 1.0 ||
		at(changed["update/documents"], "current", "state", "desired", "version") != 2.0 {
		t.Errorf("after it was changed: %v", changed)
	}
	r.Refresh()
	if got := r.ask(t, prefix, "update", `{"state":{"reported":{"version":2}}}`, 2); got["update/accepted"] == nil {
		t.Errorf("after the device reported: %v", got)
	}
	r.Refresh() // what the device did itself is known
	r.ask(t, prefix, "get", "", 1)
	if n := len(r.answers); n > 0 {
		t.Errorf("%d more messages", n)
	}
}
