package pipeline

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// withTokens is an API that accepts tokens, changed by edit.
func withTokens(edit func(*APISpec)) func(*Spec) {
	return func(s *Spec) {
		s.API = &APISpec{Auth: ptr(AuthJWT), JWT: &JWTSpec{Issuer: ptr("https://login.farm.example"),
			Audiences: []string{"app"}, WriteScopes: []string{"devices.write"}}}
		edit(s.API)
	}
}

func withOrigins(origins ...string) func(*Spec) {
	return func(s *Spec) { s.API = &APISpec{CORSOrigins: origins} }
}

var apiMistakes = []mistake{
	{"an unknown way to sign in", func(s *Spec) { s.API = &APISpec{Auth: ptr("IAM")} }, "api.auth",
		[]string{`Did you mean "iam"?`}},
	{"tokens without an issuer", func(s *Spec) { s.API = &APISpec{Auth: ptr(AuthJWT)} }, "api.jwt",
		[]string{"jwt is missing", "issuer"}},
	{"tokens that are not wanted", withTokens(func(a *APISpec) { a.Auth = nil }), "api.jwt",
		[]string{"no effect", `auth = "jwt"`}},
	{"an issuer without TLS", withTokens(func(a *APISpec) { a.JWT.Issuer = ptr("http://login.farm.example") }),
		"api.jwt.issuer", []string{"HTTPS"}},
	{"no issuer", withTokens(func(a *APISpec) { a.JWT.Issuer = nil }), "api.jwt.issuer", []string{"HTTPS"}},
	{"an issuer with a query", withTokens(func(a *APISpec) { a.JWT.Issuer = ptr("https://a.example/?b=c") }),
		"api.jwt.issuer", []string{"without a query"}},
	{"no audience", withTokens(func(a *APISpec) { a.JWT.Audiences = []string{} }), "api.jwt.audiences",
		[]string{"at least one"}},
	{"an empty audience", withTokens(func(a *APISpec) { a.JWT.Audiences = []string{"a", ""} }),
		"api.jwt.audiences[1]", []string{"empty"}},
	{"a scope with a space", withTokens(func(a *APISpec) { a.JWT.ReadScopes = []string{"read devices"} }),
		"api.jwt.read_scopes[0]", []string{"without spaces"}},
	{"a scope twice", withTokens(func(a *APISpec) { a.JWT.WriteScopes = []string{"a", "a"} }),
		"api.jwt.write_scopes[1]", []string{"twice"}},
	{"more scopes than a route has", withTokens(func(a *APISpec) {
		a.JWT.ReadScopes = strings.Split("a b c d e f g h i j k", " ")
	}), "api.jwt.read_scopes", []string{"11", "takes 10"}},
	{"an origin with a path", withOrigins("https://app.farm.example/"), "api.cors_origins[0]", []string{"slash"}},
	{"a host", withOrigins("https://a.example", "app.farm.example"), "api.cors_origins[1]", []string{"scheme"}},
	{"a wildcard in an origin", withOrigins("https://*.farm.example/x"), "api.cors_origins[0]", []string{"Origin"}},
	{"no request at all", func(s *Spec) { s.API = &APISpec{Throttle: &ThrottleSpec{Rate: ptr(int64(0))}} },
		"api.throttle.rate", []string{"between 1 and 10000"}},
	{"more at once than the account may", func(s *Spec) {
		s.API = &APISpec{Throttle: &ThrottleSpec{Burst: ptr(int64(5001))}}
	}, "api.throttle.burst", []string{"5000"}},
	{"logs of two days", func(s *Spec) { s.API = &APISpec{AccessLogRetentionDays: ptr(int64(2))} },
		"api.access_log_retention_days", []string{"CloudWatch Logs"}},
	{"no memory", func(s *Spec) { s.API = &APISpec{MemoryMB: ptr(int64(64))} }, "api.memory_mb", []string{"128"}},
	{"a package without a name", func(s *Spec) { s.API = &APISpec{Package: ptr("")} }, "api.package",
		[]string{"leave package out"}},
}

// TestAPI: an empty block is enough, and without it nothing of the capability exists.
func TestAPI(t *testing.T) {
	without, with := Spec{Name: "min"}, Spec{Name: "min", API: &APISpec{}}
	before, after := build(t, without), build(t, with)
	want := []string{"api/access_logs", "api/commands", "api/gateway", "api/routes", "api/stage", "device_table",
		"event_source", "function/api", "function/processor", "log_group/api", "manifest", "policy", "role/api",
		"rule/command_results"}
	got := Changed(before, after, records(before))
	// The roles follow from what the functions call.
	got = slices.DeleteFunc(got, func(key string) bool { return key == "role/processor" || key == "role/rules" })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parts that api changes (-want +got):\n%s", diff)
	}
	if out := OutputsOf(without, testEnv(), records(after)); out.APIID != nil || out.APIEndpoint != nil {
		t.Errorf("outputs without an API: %+v", out)
	}
	out := OutputsOf(with, testEnv(), records(after))
	if out.APIID == nil || *out.APIID != "abc123" ||
		*out.APIEndpoint != "https://abc123.execute-api.eu-west-1.amazonaws.com" {
		t.Errorf("outputs %+v", out)
	}
	if out := OutputsOf(with, testEnv(), nil); out.APIID != nil {
		t.Errorf("the ID is known before the API exists: %s", *out.APIID)
	}
}

// TestAPIIsClosed: every route needs a signature or a token, with the scopes for what it does, and nobody but the API
// calls the function.
func TestAPIIsClosed(t *testing.T) {
	s := Spec{Name: "min", API: &APISpec{}}
	signed := must[spec.HTTPAPIRoutes](t, s, "api/routes")
	if signed.JWT != nil || len(signed.Routes) != len(contract.APIRoutes()) || signed.API != "abc123" {
		t.Errorf("%+v", signed)
	}
	f := must[spec.Function](t, s, "function/api")
	want := []spec.Permission{{StatementID: "api", Principal: "apigateway.amazonaws.com",
		SourceARN: "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/*/v1/*", SourceAccount: "123456789012"}}
	if diff := cmp.Diff(want, f.Permissions); diff != "" {
		t.Errorf("permissions (-want +got):\n%s", diff)
	}
	if cors := must[spec.HTTPAPI](t, s, KeyAPI).CORS; cors != nil {
		t.Errorf("pages of other origins may use the API: %+v", cors)
	}
	s.API = &APISpec{Auth: ptr(AuthJWT), CORSOrigins: []string{"https://b.example", "https://a.example"},
		JWT: &JWTSpec{Issuer: ptr("https://login.example"), Audiences: []string{"b", "a"}, ReadScopes: []string{"read"},
			WriteScopes: []string{"write"}}}
	tokens := must[spec.HTTPAPIRoutes](t, s, "api/routes")
	if diff := cmp.Diff(&spec.JWTAuthorizer{Issuer: "https://login.example", Audiences: []string{"a", "b"}},
		tokens.JWT); diff != "" {
		t.Error(diff)
	}
	for _, r := range tokens.Routes {
		scope := "read"
		if !strings.HasPrefix(r.Key, "GET ") {
			scope = "write"
		}
		if !slices.Equal(r.Scopes, []string{scope}) {
			t.Errorf("%s needs %v, want %s", r.Key, r.Scopes, scope)
		}
	}
	if cors := must[spec.HTTPAPI](t, s, KeyAPI).CORS; !slices.Equal(cors.Origins,
		[]string{"https://a.example", "https://b.example"}) {
		t.Errorf("CORS %+v", cors)
	}
}

// TestAPIKnowsWhatThePipelineHas: the function gets the names of the tables that exist, and may read no others.
func TestAPIKnowsWhatThePipelineHas(t *testing.T) {
	s := Spec{Name: "min", API: &APISpec{}}
	bare := must[spec.Function](t, s, "function/api").Environment
	grants := must[spec.Role](t, s, "role/api").Inline[inlinePolicy]
	if bare[contract.EnvCommandsTable] != "min-commands" || bare[contract.EnvReadingsTable] != "" ||
		bare[contract.EnvMetricsTable] != "" || strings.Contains(grants, "min-readings") {
		t.Errorf("environment %v, grants %s", bare, grants)
	}
	s.Recent, s.Metrics = &RecentSpec{}, &MetricsSpec{}
	full := must[spec.Function](t, s, "function/api").Environment
	grants = must[spec.Role](t, s, "role/api").Inline[inlinePolicy]
	if full[contract.EnvReadingsTable] != "min-readings" || full[contract.EnvMetricsTable] != "min-metrics" ||
		!strings.Contains(grants, "min-readings") || !strings.Contains(grants, "index/by-status-and-device") {
		t.Errorf("environment %v, grants %s", full, grants)
	}
	processor := must[spec.Function](t, s, "function/processor").Environment
	if processor[contract.EnvCommandsTable] != "min-commands" {
		t.Errorf("the processor's environment is %v", processor)
	}
}

// TestDevicesAnswerCommands: a device may answer its own commands, on the topic and past the broker, and nothing else
// is new to it.
func TestDevicesAnswerCommands(t *testing.T) {
	s := Spec{Name: "min", API: &APISpec{}}
	document := must[spec.IoTPolicy](t, s, "policy").Document
	for _, topic := range []string{"topic/min/${iot:Connection.Thing.ThingName}/commands/*/result",
		"topic/$aws/rules/min_command_results/min/${iot:Connection.Thing.ThingName}/commands/*/result"} {
		if !strings.Contains(document, topic) {
			t.Errorf("the policy has no %s: %s", topic, document)
		}
	}
	rule := must[spec.TopicRule](t, s, "rule/command_results")
	if !strings.Contains(rule.SQL, "FROM 'min/+/commands/+/result'") ||
		rule.Actions[0].Kinesis.PartitionKey != "${topic(2)}" {
		t.Errorf("rule %+v", rule)
	}
	s.API = nil
	if document := must[spec.IoTPolicy](t, s, "policy").Document; strings.Contains(document, "result") {
		t.Errorf("the policy without an API: %s", document)
	}
}

// TestAccessLogsHaveNoSecrets: tokens and signatures are in headers, and in no other place.
func TestAccessLogsHaveNoSecrets(t *testing.T) {
	for _, secret := range []string{"header", "authorization", "querystring", "principalId", "accessKey"} {
		if strings.Contains(strings.ToLower(accessLogFormat), "$context."+strings.ToLower(secret)) {
			t.Errorf("the access log has %s", secret)
		}
	}
}

// TestAlarmsOfTheAPI: the metrics are those of the API that exists.
func TestAlarmsOfTheAPI(t *testing.T) {
	s := Spec{Name: "min", API: &APISpec{}, Monitoring: &MonitoringSpec{}}
	for key, metric := range map[string]string{"alarm/api_errors": "5xx", "alarm/api_latency": "Latency"} {
		a := must[spec.MetricAlarm](t, s, key)
		if len(a.Metrics) != 1 || a.Metrics[0].Metric != metric || a.Metrics[0].Dimensions["ApiId"] != "abc123" {
			t.Errorf("%s looks at %+v", key, a.Metrics)
		}
	}
	s.API = nil
	if slices.ContainsFunc(build(t, s), func(p assembly.Part) bool { return strings.HasPrefix(p.Key, "alarm/api_") }) {
		t.Error("alarms of an API that does not exist")
	}
}
