package processor

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/awsenv"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

func TestEnvironmentIsCheckedAtStart(t *testing.T) {
	for _, c := range []struct {
		more map[string]string
		want string // part of the error; "" for none
		why  string
	}{
		{nil, "", "everything is set"},
		{map[string]string{"IOT_TIMESTREAM_DATABASE": "", "IOT_TIMESTREAM_TABLE": ""}, "",
			"without Timestream there is the device table"},
		{map[string]string{"IOT_DEVICE_TABLE": ""}, "", "without the device table there is Timestream"},
		{map[string]string{"IOT_DEVICE_TABLE": "", "IOT_TIMESTREAM_DATABASE": "", "IOT_TIMESTREAM_TABLE": ""},
			"nowhere to go", "no store"},
		{map[string]string{"IOT_DEVICE_TABLE": "", "IOT_TIMESTREAM_DATABASE": "", "IOT_TIMESTREAM_TABLE": "",
			"IOT_READINGS_TABLE": "r", "IOT_READINGS_HOURS": "1"}, "", "only recent readings"},
		{map[string]string{"IOT_READINGS_TABLE": "r"}, "IOT_READINGS_HOURS", "recent readings without hours"},
		{map[string]string{"IOT_READINGS_TABLE": "r", "IOT_READINGS_HOURS": "0"}, "IOT_READINGS_HOURS", "no hours"},
		{map[string]string{"IOT_TIMESTREAM_TABLE": ""}, "set both or neither", "half of Timestream"},
		{map[string]string{"IOT_TIMESTREAM_LAYOUT": "wide"}, `"wide", want multi or single`, "unknown layout"},
		{map[string]string{"IOT_DEVICE_TTL_DAYS": "soon"}, "IOT_DEVICE_TTL_DAYS", "days that are not a number"},
		{map[string]string{"IOT_DEVICE_TTL_DAYS": "-1"}, "IOT_DEVICE_TTL_DAYS", "negative days"},
		{map[string]string{"IOT_STATE_REFRESH_SECONDS": "often"}, "IOT_STATE_REFRESH_SECONDS", "no number of seconds"},
		{map[string]string{"IOT_ALERTS_FUNCTION": "f", "IOT_DEVICE_TABLE": ""}, "IOT_ALERTS_FUNCTION", "no rules"},
		{map[string]string{"IOT_SEEN_SLOT_SECONDS": "301"}, "IOT_SEEN_SLOT_SECONDS", "longer than the watch function expects"},
		{map[string]string{"IOT_STATE_REFRESH_SECONDS": "-1"}, "IOT_STATE_REFRESH_SECONDS", "negative seconds"},
		{map[string]string{"IOT_DEAD_LETTER_QUEUE_URL": ""}, "IOT_DEAD_LETTER_QUEUE_URL", "no dead letters"},
		{map[string]string{"AWS_REGION": ""}, "AWS_REGION", "no region"},
		{map[string]string{"AWS_ACCESS_KEY_ID": ""}, "AWS_ACCESS_KEY_ID", "no credentials"},
		{map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/creds"}, "",
			"SnapStart's credentials"},
		{map[string]string{"AWS_ENABLE_ENDPOINT_DISCOVERY": "perhaps"}, "AWS_ENABLE_ENDPOINT_DISCOVERY",
			"an invalid setting"},
	} {
		_, err := newProcessor((&lambdatest.AWS{URL: "http://127.0.0.1:1"}).Getenv(c.more), io.Discard)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want one with %q", c.why, err, c.want)
		}
	}
}

func TestWithoutOneStoreTheOtherServes(t *testing.T) {
	event := lambdatest.Fleet(10, 5)
	p, aws := start(t, map[string]string{"IOT_TIMESTREAM_DATABASE": "", "IOT_TIMESTREAM_TABLE": ""})
	invoke(t, p, event, quick)
	if got := aws.Actions(); !slices.Equal(got, []string{updateItem}) {
		t.Errorf("without Timestream: calls %v", got)
	}
	p, aws = start(t, map[string]string{"IOT_DEVICE_TABLE": ""})
	invoke(t, p, event, quick)
	if got := aws.Actions(); !slices.Equal(got, []string{writeRecords}) {
		t.Errorf("without the device table: calls %v", got)
	}
}

// TestCallsNoMoreThanItsPolicyAllows makes the processor do everything it can do and compares its calls with the list
// that the provider writes the policy document from, both ways.
func TestCallsNoMoreThanItsPolicyAllows(t *testing.T) {
	env := maps.Clone(withRecent)
	maps.Copy(env, startInflux(t).env("2"))
	env["IOT_COMMANDS_TABLE"], env["IOT_ALERTS_FUNCTION"] = "greenhouse-commands", "greenhouse-alerts"
	p, aws := start(t, env)
	aws.Keep("token-1")
	aws.Misbehave(only("dynamodb:GetItem", 0, &lambdatest.Fault{Status: http.StatusOK,
		Raw: `{"Item":{"document":{"S":"{\"version\":1,\"stream\":\"SELECT *\"}"}}}`}))
	invoke(t, p, lambdatest.Event(
		lambdatest.Record{Thing: "soil-001", Payload: `{"a":1}`},
		lambdatest.Record{Thing: "soil-001", Payload: lambdatest.CommandResult("soil-001", "c", `{"status":"failed"}`)},
		lambdatest.Record{Thing: "soil-001", Payload: "poison"},
		lambdatest.Record{Thing: "soil-001", Payload: strings.Repeat("poison", 200*1024)},
	), quick)
	called := append(aws.Actions(), discover(t)...)
	slices.Sort(called)

	var allowed []string
	for _, need := range needs.Of("processor") {
		if !need.ByLambda {
			allowed = append(allowed, need.Action)
		}
	}
	slices.Sort(allowed)
	allowed = slices.Compact(allowed) // one action may be allowed on several objects
	if diff := cmp.Diff(allowed, called); diff != "" {
		t.Errorf("the policy allows (-), the processor calls (+):\n%s", diff)
	}
}

// discover counts the discovery calls of a processor that writes many chunks at once, as actions. Discovered
// endpoints are HTTPS, so this stand-in is.
func discover(t *testing.T) []string {
	t.Helper()
	var discoveries, writes atomic.Int64
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DescribeEndpoints") {
			discoveries.Add(1)
			_ = json.NewEncoder(w).Encode(map[string]any{"Endpoints": []any{map[string]any{
				"Address": server.Listener.Addr().String(), "CachePeriodInMinutes": 1440}}})
			return
		}
		writes.Add(1)
		_, _ = io.WriteString(w, `{}`)
	})
	server.StartTLS()
	t.Cleanup(server.Close)

	getenv := (&lambdatest.AWS{URL: server.URL}).Getenv(
		map[string]string{"AWS_ENABLE_ENDPOINT_DISCOVERY": "", "IOT_DEVICE_TABLE": ""},
	)
	p, err := newProcessor(getenv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := awsenv.Load(getenv)
	if err != nil {
		t.Fatal(err)
	}
	cfg.HTTPClient = server.Client()
	p.history.client = timestreamwrite.NewFromConfig(cfg)
	for range 2 {
		if failed := invoke(t, p, lambdatest.Fleet(1000, 50), quick); failed != "" {
			t.Fatalf("failed from %s", failed)
		}
	}
	if writes.Load() != 20 || discoveries.Load() != 1 {
		t.Errorf(
			"%d writes and %d discoveries in 2 batches of 10 calls, want 20 and 1",
			writes.Load(),
			discoveries.Load(),
		)
	}
	return []string{"timestream:DescribeEndpoints"}
}

func TestADeadlineThatIsPastFailsTheBatchAtOnce(t *testing.T) {
	p, aws := start(t, nil)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(50*time.Millisecond))
	defer cancel()
	answer, err := p.Invoke(ctx, fleet())
	if err != nil || reported(t, answer) != "1" {
		t.Errorf("answer %s, %v; want the first record reported", answer, err)
	}
	if calls := aws.Calls(""); len(calls) != 0 {
		t.Errorf("%d calls with no time left", len(calls))
	}
}

func TestLogsAndMetrics(t *testing.T) {
	for _, level := range []string{"INFO", "DEBUG", "ERROR", ""} {
		aws := lambdatest.StartAWS(t)
		var out bytes.Buffer
		p, err := newProcessor(aws.Getenv(map[string]string{"AWS_LAMBDA_LOG_LEVEL": level}), &out)
		if err != nil {
			t.Fatal(err)
		}
		invoke(t, p, lambdatest.Event(
			lambdatest.Record{Thing: "soil-001", Payload: `{"secret_recipe":1,"tags":[],"gap":null}`},
			lambdatest.Record{Thing: "soil-002", Payload: "secret_recipe"},
			lambdatest.Record{Thing: "soil-003", Payload: `{"ts_secret_recipe":1}`},
		), quick)

		if strings.Contains(out.String(), "secret_recipe") != (level == "DEBUG") {
			t.Errorf("at level %q the payload is printed, or at DEBUG it is not:\n%s", level, out.String())
		}
		counts := map[string]float64{}
		for line := range strings.Lines(out.String()) {
			var entry map[string]any
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatalf("line %q: %v", line, err)
			}
			if entry["level"] == nil || entry["timestamp"] == nil {
				t.Errorf("line without level or timestamp: %s", line)
			}
			metrics, ok := entry["_aws"].(map[string]any)
			if !ok {
				if level == "ERROR" {
					t.Errorf("at level %q there is a line %s", level, line)
				}
				continue
			}
			if strings.Contains(line, "soil-00") {
				t.Errorf("metrics name a device: %s", line)
			}
			directive := metrics["CloudWatchMetrics"].([]any)[0].(map[string]any)
			suffix := ""
			if reason, ok := entry["Reason"].(string); ok {
				suffix = "/" + reason
			}
			for _, m := range directive["Metrics"].([]any) {
				name := m.(map[string]any)["Name"].(string)
				if n, ok := entry[name].(float64); ok {
					counts[name+suffix] = n
				}
			}
		}
		want := map[string]float64{
			"Received":              3,
			"Accepted":              2,
			"SkippedValues":         2,
			"Rejected":              2,
			"Rejected/not_json":     1,
			"Rejected/measure_name": 1,
			"DeadLetters":           2,
			"Stored":                1,
			"Retried":               0,
		}
		if diff := cmp.Diff(want, counts); diff != "" {
			t.Errorf("level %q: metrics (-want +got):\n%s", level, diff)
		}
	}
}
