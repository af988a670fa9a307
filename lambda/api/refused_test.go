package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// The gateway's routes that path tricks aim at.
const (
	oneDevice  = "GET /v1/devices/{device}"
	allDevices = "GET /v1/devices"
	commandsOf = "GET /v1/devices/{device}/commands"
)

// The gateway may decode a path before it picks a route, or after. Neither leads to another operation, or to an item
// that is not a device's.
func TestPathsThatAreRefused(t *testing.T) {
	f := newFixture(t, nil)
	f.rules()
	f.device("soil-001", contract.StatusOnline)
	f.thing("soil-001", owner)
	for _, c := range []struct {
		why, path, route string
		want             kind
	}{
		{"up", "/v1/devices/../summary", oneDevice, unknownPath},
		{"up from a device", "/v1/devices/soil-001/../../thresholds", oneDevice, unknownPath},
		{"up at the end", "/v1/devices/..", oneDevice, unknownPath},
		{"here", "/v1/devices/./soil-001", oneDevice, unknownPath},
		{"up, encoded", "/v1/devices/%2e%2e/summary", oneDevice, unknownPath},
		{"up, encoded twice", "/v1/devices/%252e%252e", oneDevice, invalid},
		{"a slash, encoded", "/v1/devices/soil-001%2Fcommands", oneDevice, unknownPath},
		{"a slash, encoded twice", "/v1/devices/soil-001%252Fcommands", oneDevice, invalid},
		{"a slash that the gateway decoded", "/v1/devices/soil-001/commands", oneDevice, unknownPath},
		{"up with encoded slashes", "/v1/devices/a%2F..%2F..%2Fthresholds", oneDevice, unknownPath},
		{"a backslash", `/v1/devices/soil-001\commands`, oneDevice, invalid},
		{"two slashes", "//v1/devices", allDevices, unknownPath},
		{"two slashes within", "/v1//devices", allDevices, unknownPath},
		{"a slash at the end", "/v1/devices/", allDevices, unknownPath},
		{"an empty device", "/v1/devices//commands", commandsOf, unknownPath},
		{"a special item", "/v1/devices/$rules", oneDevice, invalid},
		{"a special item, encoded", "/v1/devices/%24thresholds", oneDevice, invalid},
		{"letters that no thing has", "/v1/devices/söil", oneDevice, invalid},
		{"the same, encoded", "/v1/devices/s%C3%B6il", oneDevice, invalid},
		{"a letter that looks like another", "/v1/devices/s%D0%BEil-001", oneDevice, invalid},
		{"a space", "/v1/devices/soil%20001", oneDevice, invalid},
		{"a line's end", "/v1/devices/soil-001%0A", oneDevice, invalid},
		{"a zero byte", "/v1/devices/soil-001%00", oneDevice, invalid},
		{"bytes that are not UTF-8", "/v1/devices/%ff%fe", oneDevice, invalid},
		{"half an escape", "/v1/devices/%zz", oneDevice, malformed},
		{"wildcards", "/v1/devices/+", oneDevice, invalid},
		{"the other wildcard", "/v1/devices/%23", oneDevice, invalid},
		{"parameters of a path", "/v1/devices/soil-001;v=1", oneDevice, invalid},
		{"too long", "/v1/devices/" + strings.Repeat("x", 129), oneDevice, invalid},
		{"a very long path", "/v1/devices/" + strings.Repeat("x", 100_000), oneDevice, invalid},
		{"another route", "/v1/thresholds", allDevices, unknownPath},
		{"another version", "/v2/devices", "$default", unknownPath},
		{"the root", "/", "$default", unknownPath},
		{"no path", "", "$default", unknownPath},
		{"other letters", "/V1/Devices", "$default", unknownPath},
	} {
		t.Run(c.why, func(t *testing.T) {
			f.ask(request{method: http.MethodGet, path: c.path, route: c.route}).wantProblem(c.want)
		})
	}
	if got := get[DeviceDetails](f, "/v1/devices/soil%2D001"); got.Device.Device != "soil-001" {
		t.Errorf("an escape that is not needed leads to %q", got.Device.Device)
	}
	for _, method := range []string{http.MethodPatch, http.MethodOptions, "BREW"} {
		r := f.ask(request{method: method, path: "/v1/devices/soil-001/config"})
		if r.wantProblem(badMethod); r.headers.Get("Allow") != "GET, PUT" {
			t.Errorf("%s: Allow %q", method, r.headers.Get("Allow"))
		}
	}
}

func TestQueriesThatAreRefused(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline)
	const readings = "/v1/devices/soil-001/readings"
	for why, path := range map[string]string{
		"no limit":                "/v1/devices?limit=0",
		"too many":                "/v1/devices?limit=101",
		"not a number":            "/v1/devices?limit=ten",
		"a fraction":              "/v1/devices?limit=1.5",
		"beyond all numbers":      "/v1/devices?limit=" + strings.Repeat("9", 400),
		"a status of other items": "/v1/devices?status=returned",
		"an unknown parameter":    "/v1/devices?sort=name",
		"a cursor with a comma":   "/v1/devices?cursor=a,b",
		"a long cursor":           "/v1/devices?cursor=" + strings.Repeat("a", 5000),
		"not a time":              readings + "?from=yesterday",
		"no such day":             readings + "?from=2026-02-30T00:00:00Z",
		"too many measures":       readings + "?" + url.Values{"measure": strings.Split(strings.Repeat("m,", 50)+"m", ",")}.Encode(),
		"neither true nor false":  "/v1/alerts?active=perhaps",
	} {
		t.Run(why, func(t *testing.T) {
			f.ask(request{method: http.MethodGet, path: path}).wantProblem(invalid)
		})
	}
}

// edited is an event with a change.
func (f *fixture) edited(edit func(*events.APIGatewayV2HTTPRequest)) reply {
	f.t.Helper()
	r := request{method: http.MethodGet, path: "/v1/devices"}
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(f.event(r), &e); err != nil {
		f.t.Fatal(err)
	}
	edit(&e)
	event, err := json.Marshal(e)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.raw(r, event)
}

// A request that no authorizer has seen is refused, whatever its headers say.
func TestWhoCalls(t *testing.T) {
	f := newFixture(t, nil)
	type authorizer = events.APIGatewayV2HTTPRequestContextAuthorizerDescription
	type token = events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription
	for why, a := range map[string]*authorizer{
		"no authorizer":       nil,
		"an empty authorizer": {},
		"an identity without an ARN": {IAM: &events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{
			AccountID: "123456789012"}},
		"a token without a subject": {JWT: &token{Claims: map[string]string{"iss": "https://issuer.test"}}},
		"another authorizer":        {Lambda: map[string]any{"sub": "alice"}},
	} {
		t.Run(why, func(t *testing.T) {
			f.edited(func(e *events.APIGatewayV2HTTPRequest) {
				e.RequestContext.Authorizer = a
				e.Headers["authorization"] = "Bearer x.y.z"
			}).wantProblem(internal)
		})
	}
	for _, claim := range []string{"sub", "client_id"} {
		f.out.Reset()
		r := f.edited(func(e *events.APIGatewayV2HTTPRequest) {
			e.RequestContext.Authorizer = &authorizer{JWT: &token{Claims: map[string]string{claim: "app-7"}}}
		})
		if r.status != http.StatusOK || !strings.Contains(f.out.String(), `"caller":"app-7"`) {
			t.Errorf("with the claim %s: %d, log %s", claim, r.status, f.out.String())
		}
	}
}

func TestEventsThatAreNone(t *testing.T) {
	f := newFixture(t, nil)
	for why, event := range map[string]string{"nothing": "", "not JSON": "{", "another version": `{"version":"1.0"}`,
		"a text": `"x"`, "an empty object": "{}"} {
		t.Run(why, func(t *testing.T) {
			f.raw(request{method: http.MethodGet, path: "/"}, []byte(event)).wantProblem(malformed)
		})
	}
}
