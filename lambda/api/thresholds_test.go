package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

const thresholdsPath = "/v1/thresholds"

// rules writes the alert rules as the provider does.
func (f *fixture) rules() {
	f.t.Helper()
	f.put(deviceTable, item{contract.DeviceKey: text(contract.RulesItem), contract.DocumentAttribute: text(`{"version":1,
"thresholds":{"max_temperature":50,"mode":"night","armed":true},"rules":{
"hot":{"when":"data.temperature > threshold.max_temperature","severity":"critical","message":"","cooldown_seconds":300,"notify_resolved":true},
"dry":{"when":"data.humidity < 35","severity":"warning","message":"","cooldown_seconds":300,"notify_resolved":false}}}`)})
}

// stored reads an item of the device table.
func (f *fixture) stored(key string) item {
	f.t.Helper()
	out, err := f.db.GetItem(f.t.Context(), &dynamodb.GetItemInput{TableName: aws.String(deviceTable), Key: deviceKey(key)})
	if err != nil {
		f.t.Fatal(err)
	}
	return out.Item
}

func wantThresholds(t *testing.T, got Thresholds, values, overrides map[string]any) {
	t.Helper()
	if diff := cmp.Diff(values, got.Values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(overrides, got.Overrides); diff != "" {
		t.Errorf("overrides (-want +got):\n%s", diff)
	}
}

func TestThresholdsAreOverridden(t *testing.T) {
	f := newFixture(t, nil)
	f.rules()
	f.device("soil-001", contract.StatusOnline)
	const device = "/v1/devices/soil-001/thresholds"
	wantThresholds(t, get[Thresholds](f, thresholdsPath), map[string]any{"max_temperature": 50.0, "mode": "night",
		"armed": true}, map[string]any{})
	first := f.change(http.MethodPut, thresholdsPath, "", `{"max_temperature":55.5,"mode":"day"}`)
	wantThresholds(t, answered[Thresholds](first, http.StatusOK), map[string]any{"max_temperature": 55.5, "mode": "day",
		"armed": true}, map[string]any{"max_temperature": 55.5, "mode": "day"})
	want := item{contract.DeviceKey: text("$thresholds"), "values": &types.AttributeValueMemberM{Value: item{
		"max_temperature": &types.AttributeValueMemberN{Value: "55.5"}, "mode": text("day")}}}
	if diff := cmp.Diff(want, f.stored("$thresholds"), cmpopts.IgnoreUnexported(types.AttributeValueMemberS{},
		types.AttributeValueMemberN{}, types.AttributeValueMemberM{})); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	own := f.change(http.MethodPut, device, "", `{"armed":false}`)
	wantThresholds(t, answered[Thresholds](own, http.StatusOK), map[string]any{"max_temperature": 55.5, "mode": "day",
		"armed": false}, map[string]any{"armed": false})
	if got := get[Thresholds](f, device); got.Defaults["max_temperature"] != 55.5 || got.Defaults["armed"] != true {
		t.Errorf("defaults of the device %v", got.Defaults)
	}
	// ETags guard against others' changes.
	f.change(http.MethodPut, thresholdsPath, `"0123456789abcdef"`, "{}").wantProblem(stale)
	next := f.change(http.MethodPut, thresholdsPath, first.headers.Get("ETag"), `{"mode":"day"}`)
	answered[Thresholds](next, http.StatusOK)
	f.change(http.MethodDelete, thresholdsPath, first.headers.Get("ETag"), "").wantProblem(stale)
	gone := f.change(http.MethodDelete, thresholdsPath, next.headers.Get("ETag"), "")
	wantThresholds(t, answered[Thresholds](gone, http.StatusOK), map[string]any{"max_temperature": 50.0, "mode": "night",
		"armed": true}, map[string]any{})
	f.change(http.MethodDelete, thresholdsPath, "*", "").wantProblem(stale)
	answered[Thresholds](f.change(http.MethodDelete, device, "", ""), http.StatusOK)
	for _, key := range []string{"$thresholds", "$thresholds#soil-001"} {
		if left := f.stored(key); len(left) != 0 {
			t.Errorf("item %s is left: %v", key, left)
		}
	}
}

func TestThresholdsThatAreRefused(t *testing.T) {
	f := newFixture(t, nil)
	f.rules()
	for _, c := range []struct {
		why, body string
		want      kind
		said      string
	}{
		{"an unknown name", `{"max_temprature":5}`, badThreshold, "armed, max_temperature, mode"},
		{"a text for a number", `{"max_temperature":"5"}`, badThreshold, "must be a number"},
		{"a number for a text", `{"mode":5}`, badThreshold, "must be a text"},
		{"a text for a Boolean", `{"armed":"yes"}`, badThreshold, "must be true or false"},
		{"null", `{"armed":null}`, badThreshold, "must be true or false"},
		{"an object", `{"mode":{}}`, badThreshold, "must be a text"},
		{"too great", `{"max_temperature":1e200}`, badThreshold, "38 digits"},
		{"too small", `{"max_temperature":1e-200}`, badThreshold, "38 digits"},
		{"too many digits", `{"max_temperature":` + strings.Repeat("7", 39) + `}`, badThreshold, "38 digits"},
		{"too long", `{"mode":"` + strings.Repeat("x", 1025) + `"}`, badThreshold, "1024 bytes"},
		{"a list", `[]`, invalid, ""},
		{"no body", ``, malformed, ""},
		{"too large", `{"mode":"` + strings.Repeat("x", maxThresholdBytes) + `"}`, tooLarge, ""},
	} {
		t.Run(c.why, func(t *testing.T) {
			r := f.change(http.MethodPut, thresholdsPath, "", c.body)
			if r.wantProblem(c.want); !strings.Contains(string(r.body), c.said) {
				t.Errorf("%s, want %q", r.body, c.said)
			}
		})
	}
	if left := f.stored("$thresholds"); len(left) != 0 {
		t.Errorf("stored %v", left)
	}
	f.ask(request{method: http.MethodGet, path: "/v1/devices/soil-009/thresholds"}).wantProblem(unknownDevice)
	f.change(http.MethodPut, "/v1/devices/soil-009/thresholds", "", `{"mode":"day"}`).wantProblem(unknownDevice)
}

func TestAPipelineWithoutAlertRulesHasNoThresholds(t *testing.T) {
	f := newFixture(t, nil)
	wantThresholds(t, get[Thresholds](f, thresholdsPath), map[string]any{}, map[string]any{})
	r := f.change(http.MethodPut, thresholdsPath, "", `{"max_temperature":5}`)
	if r.wantProblem(badThreshold); !strings.Contains(string(r.body), "name no thresholds") {
		t.Errorf("%s", r.body)
	}
}
