package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

const configPath = "/v1/devices/soil-001/config"

// reports makes the device report its shadow.
func (f *fixture) reports(name, state string) {
	f.t.Helper()
	in := &iotdataplane.UpdateThingShadowInput{ThingName: aws.String("soil-001"),
		Payload: []byte(`{"state":{"reported":` + state + `}}`)}
	if name != "" {
		in.ShadowName = aws.String(name)
	}
	client := iotdataplane.NewFromConfig(f.moto.Config(f.t),
		func(o *iotdataplane.Options) { o.BaseEndpoint = aws.String(f.moto.URL) })
	if _, err := client.UpdateThingShadow(f.t.Context(), in); err != nil {
		f.t.Fatal(err)
	}
}

// change sends a change with a version.
func (f *fixture) change(method, path, match, body string) reply {
	f.t.Helper()
	headers := map[string]string{}
	if match != "" {
		headers["If-Match"] = match
	}
	return f.ask(request{method: method, path: path, body: body, headers: headers})
}

func wantState(t *testing.T, got Shadow, desired, reported, difference string) {
	t.Helper()
	for _, c := range []struct {
		name, want string
		got        map[string]any
	}{{"desired", desired, got.Desired}, {"reported", reported, got.Reported}, {"difference", difference, got.Difference}} {
		var want map[string]any
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestConfigurationIsReplaced(t *testing.T) {
	f := newFixture(t, nil)
	f.thing("soil-001", owner)
	empty := f.ask(request{method: http.MethodGet, path: configPath})
	wantState(t, answered[Shadow](empty, http.StatusOK), "{}", "{}", "{}")
	if tag := empty.headers.Get("ETag"); tag != `"0"` {
		t.Errorf("ETag %s", tag)
	}
	first := f.change(http.MethodPut, configPath, `"0"`, `{"interval":60,"pump":{"on":true,"speed":2},"names":["a","b"]}`)
	wantState(t, answered[Shadow](first, http.StatusOK), `{"interval":60,"pump":{"on":true,"speed":2},"names":["a","b"]}`, "{}",
		`{"interval":60,"pump":{"on":true,"speed":2},"names":["a","b"]}`)
	f.reports(configShadow, `{"interval":60,"pump":{"on":false}}`)
	f.change(http.MethodPut, configPath, first.headers.Get("ETag"), "{}").wantProblem(stale)
	now := f.ask(request{method: http.MethodGet, path: configPath})
	next := f.change(http.MethodPut, configPath, now.headers.Get("ETag"), `{"interval":60,"pump":{"on":false}}`)
	wantState(t, answered[Shadow](next, http.StatusOK), `{"interval":60,"pump":{"on":false}}`,
		`{"interval":60,"pump":{"on":false}}`, "{}")
	// The same again changes nothing, so that a device is not told twice.
	again := f.change(http.MethodPut, configPath, "", `{"pump":{"on":false},"interval":60}`)
	if again.headers.Get("ETag") != next.headers.Get("ETag") {
		t.Errorf("the version went from %s to %s", next.headers.Get("ETag"), again.headers.Get("ETag"))
	}
	gone := f.change(http.MethodPut, configPath, "", "{}")
	wantState(t, answered[Shadow](gone, http.StatusOK), "{}", `{"interval":60,"pump":{"on":false}}`, "{}")
}

func TestShadowsAreMerged(t *testing.T) {
	f := newFixture(t, nil)
	f.thing("soil-001", owner)
	const path = "/v1/devices/soil-001/shadow"
	for _, at := range []string{path, path + "/display"} {
		f.ask(request{method: http.MethodGet, path: at}).wantProblem(unknownShadow)
		f.change(http.MethodPatch, at, `"3"`, `{"desired":{"a":1}}`).wantProblem(stale)
		f.change(http.MethodPatch, at, "*", `{"desired":{"a":1}}`).wantProblem(stale)
		answered[Shadow](f.change(http.MethodPatch, at, "", `{"desired":{"a":1,"b":{"c":2,"d":3}}}`), http.StatusOK)
		got := f.change(http.MethodPatch, at, "*", `{"desired":{"a":null,"b":{"c":9}}}`)
		wantState(t, answered[Shadow](got, http.StatusOK), `{"b":{"c":9,"d":3}}`, "{}", `{"b":{"c":9,"d":3}}`)
		if tag := got.headers.Get("ETag"); tag != f.ask(request{method: http.MethodGet, path: at}).headers.Get("ETag") {
			t.Errorf("ETag %s", tag)
		}
	}
	if got := get[Shadows](f, path+"s"); len(got.Shadows) != 1 || got.Shadows[0] != "display" {
		t.Errorf("shadows %v", got.Shadows)
	}
}

func TestShadowsThatAreRefused(t *testing.T) {
	f := newFixture(t, nil)
	f.thing("soil-001", owner)
	f.thing("foreign-001", "another-token")
	f.device("foreign-001", contract.StatusOnline) // it was ours once
	big := `"` + strings.Repeat("x", maxShadowBytes) + `"`
	for _, c := range []struct {
		why, method, path, body, match string
		want                           kind
	}{
		{"another pipeline's device", "GET", "/v1/devices/foreign-001/shadow", "", "", unknownDevice},
		{"another pipeline's shadows", "GET", "/v1/devices/foreign-001/shadows", "", "", unknownDevice},
		{"another pipeline's configuration", "PUT", "/v1/devices/foreign-001/config", "{}", "", unknownDevice},
		{"another pipeline's shadow", "PATCH", "/v1/devices/foreign-001/shadow", `{"desired":{}}`, "", unknownDevice},
		{"no body", "PUT", configPath, "", "", malformed},
		{"a list", "PUT", configPath, "[]", "", invalid},
		{"a null", "PUT", configPath, `{"a":{"b":[{"c":null}]}}`, "", invalid},
		{"too large", "PUT", configPath, `{"a":` + big + `}`, "", tooLarge},
		{"no desired", "PATCH", "/v1/devices/soil-001/shadow", `{}`, "", invalid},
		{"reported is the device's", "PATCH", "/v1/devices/soil-001/shadow", `{"desired":{},"reported":{}}`, "", invalid},
		{"desired is a number", "PATCH", "/v1/devices/soil-001/shadow", `{"desired":7}`, "", invalid},
		{"a weak ETag", "PUT", configPath, "{}", `W/"1"`, invalid},
		{"two ETags", "PUT", configPath, "{}", `"1","2"`, invalid},
		{"a shadow's name", "GET", "/v1/devices/soil-001/shadow/a.b", "", "", invalid},
	} {
		t.Run(c.why, func(t *testing.T) { f.change(c.method, c.path, c.match, c.body).wantProblem(c.want) })
	}
}

// When the answer to a change is lost, its repetition finds that it is done.
func TestAChangeWhoseAnswerIsLost(t *testing.T) {
	f := newFixture(t, nil)
	f.thing("soil-001", owner)
	for _, match := range []string{"", `"0"`} {
		f.change(http.MethodPut, configPath, "", "{}")
		match := match
		if match != "" {
			match = f.ask(request{method: http.MethodGet, path: configPath}).headers.Get("ETag")
		}
		lost := false
		f.aws.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
			if c.Action != "iot:UpdateThingShadow" || lost {
				return nil
			}
			lost = true
			return lambdatest.Lost
		})
		got := f.change(http.MethodPut, configPath, match, `{"interval":7}`)
		f.aws.Misbehave(nil)
		wantState(t, answered[Shadow](got, http.StatusOK), `{"interval":7}`, "{}", `{"interval":7}`)
	}
}
