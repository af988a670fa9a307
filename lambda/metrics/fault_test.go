package metrics

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
)

const (
	batchWrite = "dynamodb:BatchWriteItem"
	getItem    = "dynamodb:GetItem"
)

// windowOf is an event's window with a state.
func windowOf(t *testing.T, e windowEvent, state map[string]string) stream.Window {
	t.Helper()
	w, _, err := stream.ParseWindow(e.bytes())
	if err != nil {
		t.Fatal(err)
	}
	w.State = state
	return w
}

func createTable(t *testing.T, client *dynamodb.Client) {
	t.Helper()
	if _, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("greenhouse-metrics"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String(contract.DeviceKey), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String(contract.WindowStartKey), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String(contract.DeviceKey), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(contract.WindowStartKey), KeyType: types.KeyTypeRange},
		},
	}); err != nil {
		t.Fatal(err)
	}
}

// TestFaults runs a window with a spill against DynamoDB as moto plays it, each with another thing that goes wrong. A
// failed invocation is repeated as Lambda does; at the end, the table must hold what one pass gives.
func TestFaults(t *testing.T) {
	server := mototest.Start(t)
	client := dynamodb.NewFromConfig(server.Config(t))
	createTable(t, client)
	first := func(action string, n int, f *lambdatest.Fault) func(lambdatest.Call) *lambdatest.Fault {
		return func(c lambdatest.Call) *lambdatest.Fault {
			if c.Action == action && c.Attempt <= n {
				return f
			}
			return nil
		}
	}
	for i, c := range []struct {
		name  string
		fault func(lambdatest.Call) *lambdatest.Fault
		fails int // invocations that fail before one succeeds
	}{
		{"nothing", nil, 0},
		{"writes are throttled", first(batchWrite, 3, lambdatest.Throttle), 0},
		{"writes answer 500", first(batchWrite, 3, lambdatest.Internal), 0},
		{"the answer of a write is lost", first(batchWrite, 2, lambdatest.Lost), 0},
		{"writes are refused", first(batchWrite, 2, lambdatest.Denied), 2},
		{"reads are throttled", first(getItem, 3, lambdatest.Throttle), 0},
		{"reads are refused", first(getItem, 1, lambdatest.Denied), 1},
		{"reads close the connection", first(getItem, 2, lambdatest.Closed), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			stand := lambdatest.StartAWS(t)
			stand.Forward(t, server.URL)
			h, err := newHandler(stand.Getenv(nil), io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			h.maxState = 0
			stand.Misbehave(c.fault)
			failed := 0
			until := func(e windowEvent) json.RawMessage {
				for {
					e.shard = fmt.Sprintf("shardId-%d", i)
					state, err := try(t, h, e)
					if err == nil {
						return state
					}
					if failed++; failed > c.fails {
						t.Fatal(err)
					}
				}
			}
			thing := fmt.Sprintf("soil-%d", i)
			state := until(windowEvent{records: []lambdatest.Record{
				{Thing: thing, Payload: `{"v":1}`}, {Thing: thing, Payload: `{"v":2.5,"w":0.1}`}}})
			until(windowEvent{state: state, final: true, records: []lambdatest.Record{
				{Thing: thing, Payload: `{"v":2}`, Sequence: "3", After: time.Second}}})
			if failed != c.fails {
				t.Errorf("%d failures, want %d", failed, c.fails)
			}
			got := query(t, client, thing)
			v, w := got["v"], got["w"]
			if v.Count != 3 || v.Sum != 5.5 || v.LastValue != 2 || w.Count != 1 || w.Sum != 0.1 {
				t.Errorf("v %+v, w %+v", v, w)
			}
		})
	}
}

// query is what the guide says about reading: the metrics of one device between two times are one query.
func query(t *testing.T, client *dynamodb.Client, device string) map[string]result {
	t.Helper()
	out, err := client.Query(t.Context(), &dynamodb.QueryInput{
		TableName:              aws.String("greenhouse-metrics"),
		KeyConditionExpression: aws.String("device_id = :device AND window_start BETWEEN :from AND :to"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":device": text(device), ":from": text(windowStart.Format(time.RFC3339)),
			":to": text(windowStart.Add(time.Minute).Format(time.RFC3339)),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := &memoryTable{items: map[string]map[string]types.AttributeValue{}}
	for _, item := range out.Items {
		m.items[itemKey(item)] = item
	}
	byMeasure := map[string]result{}
	for k, r := range results(t, m) {
		byMeasure[strings.Fields(k)[1]] = r
	}
	return byMeasure
}

// TestTimeRunsOut: a table that never answers costs the invocation, in time for an answer.
func TestTimeRunsOut(t *testing.T) {
	stand := lambdatest.StartAWS(t)
	h, err := newHandler(stand.Getenv(nil), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	stand.Misbehave(func(lambdatest.Call) *lambdatest.Fault { return lambdatest.Hung })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = h.Invoke(ctx, windowEvent{final: true, records: []lambdatest.Record{record(1, 1, `{"v":1}`)}}.bytes())
	if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), `writing to table "greenhouse-metrics"`) {
		t.Errorf("error %v, context %v", err, ctx.Err())
	}
}

// TestCallsNoMoreThanItsPolicyAllows makes the function do everything it can do and compares its calls with the list
// that the provider writes the policy document from, both ways.
func TestCallsNoMoreThanItsPolicyAllows(t *testing.T) {
	stand := lambdatest.StartAWS(t)
	h, err := newHandler(stand.Getenv(map[string]string{contract.EnvMetricsStream: "greenhouse-metrics"}), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	h.maxState = 0
	state := invoke(t, h, windowEvent{records: []lambdatest.Record{record(1, 1, `{"v":1}`)}})
	invoke(t, h, windowEvent{state: state, final: true, records: []lambdatest.Record{record(2, 1, `{"v":1}`)}})
	var allowed []string
	for _, need := range needs.Of("metrics") {
		if !need.ByLambda {
			allowed = append(allowed, need.Action)
		}
	}
	slices.Sort(allowed)
	if diff := cmp.Diff(allowed, stand.Actions()); diff != "" {
		t.Errorf("the policy allows (-), the function calls (+):\n%s", diff)
	}
}

func TestEnvironmentIsCheckedAtStart(t *testing.T) {
	for _, c := range []struct {
		more map[string]string
		want string // part of the error; "" for none
	}{
		{nil, ""},
		{map[string]string{"IOT_METRICS_TABLE": ""}, "IOT_METRICS_TABLE is not set"},
		{map[string]string{"IOT_METRICS_KEEP_DAYS": "0"}, `IOT_METRICS_KEEP_DAYS is "0"`},
		{map[string]string{"IOT_METRICS_KEEP_DAYS": ""}, `IOT_METRICS_KEEP_DAYS is ""`},
		{map[string]string{"IOT_METRICS_MEASURES": "temperature"}, "want names of measures as a JSON array"},
		{map[string]string{"IOT_METRICS_MEASURES": "[]"}, "want names of measures as a JSON array"},
		{map[string]string{"IOT_TELEMETRY": `{"format":"xml"}`}, `format "xml" is unknown`},
		{map[string]string{"AWS_REGION": ""}, "AWS_REGION"},
	} {
		_, err := newHandler((&lambdatest.AWS{URL: "http://127.0.0.1:1"}).Getenv(c.more), io.Discard)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: error %v, want one with %q", c.more, err, c.want)
		}
	}
}

// TestBootstrap drives the binary that is shipped as Lambda does, with events that are none in between.
func TestBootstrap(t *testing.T) {
	stand := lambdatest.StartAWS(t)
	var mu sync.Mutex
	puts := 0
	stand.Misbehave(func(c lambdatest.Call) *lambdatest.Fault {
		mu.Lock()
		defer mu.Unlock()
		puts += bytes.Count(c.Body, []byte(`"PutRequest"`))
		return nil
	})
	function := lambdatest.StartFunction(t, lambdatest.Compile(t, "metrics"), stand.Env(nil))
	var state json.RawMessage
	for i := range 20 {
		reply := function.Invoke(windowEvent{state: state, records: batch(100*i, 100, 50)}.bytes(), 10*time.Second)
		var response struct{ State json.RawMessage }
		if err := json.Unmarshal(reply.Body, &response); reply.Failed || err != nil {
			t.Fatalf("reply %s", reply.Body)
		}
		state = response.State
		for _, event := range []string{`{"Records":`, `null`, ``, `{"Records":[]}`} {
			if reply := function.Invoke([]byte(event), 10*time.Second); !reply.Failed ||
				!bytes.Contains(reply.Body, []byte("reading the Kinesis event")) {
				t.Fatalf("event %q: reply %s, want an error that says what is wrong", event, reply.Body)
			}
		}
	}
	if reply := function.Invoke(windowEvent{state: state, final: true}.bytes(), 10*time.Second); reply.Failed ||
		string(reply.Body) != `{"state":{},"batchItemFailures":[]}` {
		t.Fatalf("reply %s", reply.Body)
	}
	mu.Lock()
	defer mu.Unlock()
	if puts != 50 {
		t.Errorf("%d items for 50 devices", puts)
	}
}
