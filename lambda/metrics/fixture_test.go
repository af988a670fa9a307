package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// memoryTable is a DynamoDB table without limits and with the failures that a test asks for. What DynamoDB itself makes of
// the requests is tested against moto.
type memoryTable struct {
	mu    sync.Mutex
	items map[string]map[string]types.AttributeValue // by both keys
	calls int
	// fail decides about each call: an error, or how many items to leave out.
	fail func(call int) (leaveOut int, err error)
}

func itemKey(item map[string]types.AttributeValue) string {
	hash, _ := item[contract.DeviceKey].(*types.AttributeValueMemberS)
	sort, _ := item[contract.WindowStartKey].(*types.AttributeValueMemberS)
	return hash.Value + "|" + sort.Value
}

func (m *memoryTable) begin() (int, error) {
	m.calls++
	if m.fail == nil {
		return 0, nil
	}
	return m.fail(m.calls)
}

func (m *memoryTable) BatchWriteItem(
	_ context.Context,
	in *dynamodb.BatchWriteItemInput,
	_ ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	requests := in.RequestItems["greenhouse-metrics"]
	leaveOut, err := m.begin()
	leaveOut = min(leaveOut, len(requests))
	// A call that fails may have written some of it.
	for _, r := range requests[leaveOut:] {
		m.items[itemKey(r.PutRequest.Item)] = maps.Clone(r.PutRequest.Item)
	}
	if err != nil {
		return nil, err
	}
	out := &dynamodb.BatchWriteItemOutput{}
	if leaveOut > 0 {
		out.UnprocessedItems = map[string][]types.WriteRequest{"greenhouse-metrics": requests[:leaveOut]}
	}
	return out, nil
}

func (m *memoryTable) GetItem(
	_ context.Context,
	in *dynamodb.GetItemInput,
	_ ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.begin(); err != nil {
		return nil, err
	}
	return &dynamodb.GetItemOutput{Item: m.items[itemKey(in.Key)]}, nil
}

var errBroken = errors.New("the table is broken")

// start makes a handler that writes to memory.
func start(t testing.TB, more map[string]string) (*handler, *memoryTable) {
	t.Helper()
	h, err := newHandler((&lambdatest.AWS{URL: "http://127.0.0.1:1"}).Getenv(more), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	m := &memoryTable{items: map[string]map[string]types.AttributeValue{}}
	h.table.client = m
	h.table.pause = func(context.Context, int) error { return nil }
	return h, m
}

// windowEvent is what Lambda passes: records of a window of a minute.
type windowEvent struct {
	records []lambdatest.Record
	state   json.RawMessage // nil: none yet
	shard   string          // "shardId-000000000006" when empty
	final   bool
	early   bool
}

var windowStart = lambdatest.Start.UTC().Truncate(time.Minute)

func (e windowEvent) bytes() []byte {
	records := lambdatest.Event(e.records...)
	if e.state == nil {
		e.state = json.RawMessage("{}")
	}
	if e.shard == "" {
		e.shard = "shardId-000000000006"
	}
	return fmt.Appendf(nil, `%s,"window":{"start":%q,"end":%q},"state":%s,"shardId":%q,`+
		`"eventSourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/greenhouse",`+
		`"isFinalInvokeForWindow":%t,"isWindowTerminatedEarly":%t}`,
		strings.TrimSuffix(string(records), "}"), windowStart.Format(time.RFC3339),
		windowStart.Add(time.Minute).Format(time.RFC3339), e.state, e.shard, e.final, e.early)
}

// invoke runs the handler and returns the state.
func invoke(t testing.TB, h *handler, e windowEvent) json.RawMessage {
	t.Helper()
	state, err := try(t, h, e)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func try(t testing.TB, h *handler, e windowEvent) (json.RawMessage, error) {
	t.Helper()
	answer, err := h.Invoke(t.Context(), e.bytes())
	if err != nil {
		return nil, err
	}
	var response struct {
		State             json.RawMessage   `json:"state"`
		BatchItemFailures []json.RawMessage `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &response); err != nil {
		t.Fatalf("answer %s: %v", answer, err)
	}
	if response.State == nil || response.BatchItemFailures == nil || len(response.BatchItemFailures) > 0 {
		t.Fatalf("answer %s: want a state and no failures", answer)
	}
	if len(response.State) > h.maxState+1000 {
		t.Fatalf("a state of %d bytes", len(response.State))
	}
	return response.State, nil
}

// result is what a reader makes of the statistics of a series: the items of one window are added up.
type result struct {
	Count                 int64
	Sum, Minimum, Maximum float64
	FirstValue, LastValue float64
	FirstAt, LastAt       int64
}

// results reads the table as a reader does: "device measure window".
func results(t testing.TB, m *memoryTable) map[string]result {
	t.Helper()
	all := map[string]result{}
	for at, item := range m.items {
		if strings.HasPrefix(at, contract.SpillItem) {
			continue
		}
		device, sort, _ := strings.Cut(at, "|")
		window, _, _ := strings.Cut(sort, "#")
		measures, ok := item[contract.MeasuresAttribute].(*types.AttributeValueMemberM)
		if !ok {
			t.Fatalf("item %s has no measures", at)
		}
		for name, value := range measures.Value {
			k := device + " " + name + " " + window
			all[k] = all[k].plus(read(t, value))
		}
	}
	return all
}

func read(t testing.TB, v types.AttributeValue) result {
	t.Helper()
	statistics, ok := v.(*types.AttributeValueMemberM)
	if !ok {
		t.Fatalf("statistics are %T", v)
	}
	get := func(name string) (f float64) {
		n, ok := statistics.Value[name].(*types.AttributeValueMemberN)
		if !ok {
			t.Fatalf("no %s in %v", name, statistics.Value)
		}
		if _, err := fmt.Sscan(n.Value, &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	r := result{
		Count: int64(get("count")), Sum: get("sum"), Minimum: get("minimum"), Maximum: get("maximum"),
		FirstValue: get("first_value"), FirstAt: int64(get("first_at")),
		LastValue: get("last_value"), LastAt: int64(get("last_at")),
	}
	if average := get("average"); average != r.Sum/float64(r.Count) {
		t.Errorf("average %v of %+v", average, r)
	}
	return r
}

func (r result) plus(o result) result {
	if r.Count == 0 {
		return o
	}
	r.Count, r.Sum = r.Count+o.Count, r.Sum+o.Sum
	r.Minimum, r.Maximum = min(r.Minimum, o.Minimum), max(r.Maximum, o.Maximum)
	if o.FirstAt < r.FirstAt {
		r.FirstAt, r.FirstValue = o.FirstAt, o.FirstValue
	}
	if o.LastAt >= r.LastAt {
		r.LastAt, r.LastValue = o.LastAt, o.LastValue
	}
	return r
}
