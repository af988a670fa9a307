package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// fakeStream is a Source of one stream in memory. Sequence numbers are "s<position>".
type fakeStream struct {
	mu     sync.Mutex
	shards map[string][]Record
	closed map[string]bool
	fail   int // how many reads fail from now on
	reads  int
}

func (f *fakeStream) put(shard string, records ...Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range records {
		r.SequenceNumber = fmt.Sprintf("s%d", len(f.shards[shard]))
		if r.Arrived.IsZero() {
			r.Arrived = time.Now()
		}
		f.shards[shard] = append(f.shards[shard], r)
	}
}

func (f *fakeStream) Shards(context.Context, string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name := range f.shards {
		names = append(names, name)
	}
	return names, nil
}

func (f *fakeStream) Iterator(_ context.Context, _, shard string, p Position) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := 0
	switch p.Kind {
	case "LATEST":
		at = len(f.shards[shard])
	case "AFTER_SEQUENCE_NUMBER":
		n, err := strconv.Atoi(p.After[1:])
		if err != nil {
			return "", err
		}
		at = n + 1
	}
	return fmt.Sprintf("%s@%d", shard, at), nil
}

func (f *fakeStream) Read(_ context.Context, _, iterator string, limit int) (Page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	if f.fail > 0 {
		f.fail--
		return Page{}, errors.New("the stream is throttled")
	}
	shard, position, _ := strings.Cut(iterator, "@")
	at, err := strconv.Atoi(position)
	if err != nil {
		return Page{}, err
	}
	end := min(len(f.shards[shard]), at+limit)
	page := Page{Records: slices.Clone(f.shards[shard][at:end]), Next: fmt.Sprintf("%s@%d", shard, end)}
	if f.closed[shard] && end == len(f.shards[shard]) {
		page.Next = ""
	}
	return page, nil
}

// fakeFunction notes what it is invoked with and answers by its plan.
type fakeFunction struct {
	mu      sync.Mutex
	batches [][]string // the data of each invocation's records
	answer  func(data []string, sequence []string) ([]byte, error)
}

func (f *fakeFunction) invoke(payload []byte) ([]byte, error) {
	var e kinesisEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	var data, sequence []string
	for _, r := range e.Records {
		data = append(data, string(r.Kinesis.Data))
		sequence = append(sequence, r.Kinesis.SequenceNumber)
	}
	f.mu.Lock()
	f.batches = append(f.batches, data)
	f.mu.Unlock()
	if f.answer == nil {
		return nil, nil
	}
	return f.answer(data, sequence)
}

func (f *fakeFunction) seen() [][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.batches)
}

type sent struct{ destination, key, record string }

type fixture struct {
	*Poller
	stream   *fakeStream
	function *fakeFunction
	sent     chan sent
	events   chan runlog.Event
}

func start(t *testing.T, m Mapping, answer func(data, sequence []string) ([]byte, error), records ...Record) *fixture {
	t.Helper()
	f := &fakeFunction{answer: answer}
	r := startWith(t, m, f.invoke, records...)
	r.function = f
	return r
}

// startWith is start with a function that reads its events itself.
func startWith(
	t *testing.T,
	m Mapping,
	invoke func(payload []byte) ([]byte, error),
	records ...Record,
) *fixture {
	t.Helper()
	r := &fixture{
		stream: &fakeStream{shards: map[string][]Record{"shard-0": nil}, closed: map[string]bool{}},
		sent:   make(chan sent, 100),
		events: make(chan runlog.Event, 1000),
	}
	r.stream.put("shard-0", records...)
	if m.Start.Kind == "" {
		m.Start.Kind = "TRIM_HORIZON"
	}
	var err error
	r.Poller, err = Start(m, Options{
		Source: r.stream,
		Invoke: func(_ context.Context, _ string, payload []byte) ([]byte, error) {
			return invoke(payload)
		},
		Interval:   time.Millisecond,
		RetryDelay: time.Millisecond,
		Region:     "us-east-1",
		Send: func(_ context.Context, destination, key string, record []byte) error {
			r.sent <- sent{destination, key, string(record)}
			return nil
		},
		Events: func(e runlog.Event) { r.events <- e },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	return r
}

func (r *fixture) drain(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

func records(data ...string) []Record {
	var all []Record
	for _, d := range data {
		all = append(all, Record{PartitionKey: "k", Data: []byte(d)})
	}
	return all
}

func TestBatchesAreInOrderAndBounded(t *testing.T) {
	r := start(t, Mapping{BatchSize: 2}, nil, records("a", "b", "c")...)
	r.drain(t)
	r.stream.put("shard-0", records("d")...)
	r.drain(t)
	if diff := cmp.Diff([][]string{{"a", "b"}, {"c"}, {"d"}}, r.function.seen()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

func TestEventHasTheDocumentedShape(t *testing.T) {
	p := &Poller{
		mapping: Mapping{StreamARN: "arn:stream", FunctionARN: "arn:function"},
		options: Options{Region: "us-east-1"},
	}
	got, err := newShard(
		"shardId-6",
		p,
	).event([]Record{{SequenceNumber: "49", PartitionKey: "dev7", Data: []byte(`{"t":1}`),
		Arrived: time.UnixMilli(1545084650987)}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"dev7","sequenceNumber":"49","data":"eyJ0IjoxfQ==","approximateArrivalTimestamp":1545084650.987},` +
		`"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-6:49","eventName":"aws:kinesis:record","invokeIdentityArn":"arn:function","awsRegion":"us-east-1","eventSourceARN":"arn:stream"}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestStartingPosition(t *testing.T) {
	r := start(t, Mapping{BatchSize: 10, Start: Position{Kind: "LATEST"}}, nil, records("old")...)
	r.drain(t)
	r.stream.put("shard-0", records("new")...)
	r.drain(t)
	if diff := cmp.Diff([][]string{{"new"}}, r.function.seen()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

func TestPartialFailureRetriesFromTheFirstFailedRecord(t *testing.T) {
	failures := 2
	r := start(
		t,
		Mapping{BatchSize: 10, ReportFailures: true, MaxRetries: 5},
		func(data, sequence []string) ([]byte, error) {
			at := slices.Index(data, "c")
			if at < 0 || failures == 0 {
				return []byte(`{"batchItemFailures":[]}`), nil
			}
			failures--
			return fmt.Appendf(
				nil,
				`{"batchItemFailures":[{"itemIdentifier":%q},{"itemIdentifier":%q}]}`,
				sequence[len(sequence)-1],
				sequence[at],
			), nil
		},
		records("a", "b", "c", "d")...)
	r.drain(t)
	if diff := cmp.Diff([][]string{{"a", "b", "c", "d"}, {"c", "d"}, {"c", "d"}}, r.function.seen()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

func TestFailedAt(t *testing.T) {
	batch := []Record{{SequenceNumber: "1"}, {SequenceNumber: "2"}, {SequenceNumber: "3"}}
	for answer, want := range map[string]struct {
		index  int
		failed bool
	}{
		"":                           {0, false},
		"null":                       {0, false},
		"{}":                         {0, false},
		`{"batchItemFailures":null}`: {0, false},
		`{"batchItemFailures":[]}`:   {0, false},
		`{"batchItemFailures":[{"itemIdentifier":"3"},{"itemIdentifier":"2"}]}`: {1, true},
		`{"batchItemFailures":[{"itemIdentifier":""}]}`:                         {0, true},
		`{"batchItemFailures":[{"itemIdentifier":"9"}]}`:                        {0, true},
		`{"batchItemFailures":[{"wrong":"2"}]}`:                                 {0, true},
		`"text"`:                                                                {0, true},
	} {
		index, failed := failedAt([]byte(answer), batch)
		if index != want.index || failed != want.failed {
			t.Errorf("%s: got %d, %v; want %d, %v", answer, index, failed, want.index, want.failed)
		}
	}
}

func TestBisectIsolatesTheBadRecord(t *testing.T) {
	r := start(
		t,
		Mapping{UUID: "u", BatchSize: 10, Bisect: true, MaxRetries: 1, OnFailure: "arn:aws:s3:::letters/failed"},
		func(data, _ []string) ([]byte, error) {
			if slices.Contains(data, "bad") {
				return nil, errors.New("cannot read it")
			}
			return nil, nil
		},
		records("a", "b", "bad", "d", "e")...)
	r.drain(t)
	var done []string
	for _, b := range r.function.seen() {
		if !slices.Contains(b, "bad") {
			done = append(done, b...)
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "d", "e"}, done); diff != "" {
		t.Errorf("processed records (-want +got):\n%s", diff)
	}
	s := <-r.sent
	var record struct {
		Payload        string
		RequestContext struct {
			Condition              string
			ApproximateInvokeCount int
		}
		KinesisBatchInfo struct {
			ShardID, StartSequenceNumber, EndSequenceNumber string
			BatchSize                                       int
		}
	}
	if err := json.Unmarshal([]byte(s.record), &record); err != nil {
		t.Fatal(err)
	}
	info := record.KinesisBatchInfo
	if record.RequestContext.Condition != "RetryAttemptsExhausted" ||
		record.RequestContext.ApproximateInvokeCount != 2 ||
		info.StartSequenceNumber != "s2" ||
		info.BatchSize != 1 ||
		!strings.Contains(record.Payload, `"data":"YmFk"`) ||
		!strings.HasPrefix(s.key, "aws/lambda/u/shard-0/") {
		t.Errorf("got %+v", s)
	}
}

func TestExhaustedRetriesLetTheShardGoOn(t *testing.T) {
	r := start(
		t,
		Mapping{BatchSize: 1, MaxRetries: 2, OnFailure: "arn:aws:sqs:us-east-1:123456789012:letters"},
		func(data, _ []string) ([]byte, error) {
			if data[0] == "bad" {
				return nil, errors.New("cannot read it")
			}
			return nil, nil
		},
		records("bad", "good")...)
	r.drain(t)
	if diff := cmp.Diff([][]string{{"bad"}, {"bad"}, {"bad"}, {"good"}}, r.function.seen()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	if s := <-r.sent; strings.Contains(s.record, "payload") {
		t.Errorf("a queue gets metadata only, got %s", s.record)
	}
}

func TestOldRecordsAreGivenUp(t *testing.T) {
	old := Record{PartitionKey: "k", Data: []byte("old"), Arrived: time.Now().Add(-2 * time.Hour)}
	r := start(
		t,
		Mapping{
			BatchSize:  10,
			MaxRetries: -1,
			MaxAge:     time.Hour,
			OnFailure:  "arn:aws:sqs:us-east-1:123456789012:letters",
		},
		nil,
		append([]Record{old}, records("new")...)...)
	r.drain(t)
	if diff := cmp.Diff([][]string{{"new"}}, r.function.seen()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	if s := <-r.sent; !strings.Contains(s.record, "RecordAgeExceeded") {
		t.Errorf("got %s", s.record)
	}
}

func TestParallelLanesKeepTheOrderOfAKey(t *testing.T) {
	var all []Record
	for i := range 200 {
		all = append(all, Record{PartitionKey: fmt.Sprintf("device-%d", i%7), Data: fmt.Appendf(nil, "%d:%d", i%7, i)})
	}
	r := start(t, Mapping{BatchSize: 5, Parallelization: 4}, nil, all...)
	r.drain(t)
	last, count := map[string]int{}, 0
	for _, batch := range r.function.seen() {
		for _, data := range batch {
			key, number, _ := strings.Cut(data, ":")
			n, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			if before, ok := last[key]; ok && n <= before {
				t.Errorf("device %s: %d after %d", key, n, before)
			}
			last[key] = n
			count++
		}
	}
	if count != len(all) {
		t.Errorf("got %d records, want %d", count, len(all))
	}
}

func TestWindowGathersABatch(t *testing.T) {
	r := start(t, Mapping{BatchSize: 2, Window: time.Hour}, nil, records("a")...)
	deadline := time.Now().Add(10 * time.Second)
	for { // until the first record has been read, and read again in vain
		r.stream.mu.Lock()
		reads := r.stream.reads
		r.stream.mu.Unlock()
		if reads > 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the poller does not read")
		}
	}
	if got := r.function.seen(); len(got) != 0 {
		t.Fatalf("invoked with %v before the window was over", got)
	}
	r.stream.put("shard-0", records("b")...)
	r.drain(t)
	if diff := cmp.Diff([][]string{{"a", "b"}}, r.function.seen()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

func TestReadFailuresLoseAndRepeatNothing(t *testing.T) {
	r := start(t, Mapping{BatchSize: 1}, nil, records("a", "b")...)
	r.drain(t)
	r.stream.mu.Lock()
	r.stream.fail = 3
	r.stream.mu.Unlock()
	r.stream.put("shard-0", records("c")...)
	r.drain(t)
	if diff := cmp.Diff([][]string{{"a"}, {"b"}, {"c"}}, r.function.seen()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

func TestClosedShardIsReadToItsEnd(t *testing.T) {
	r := start(t, Mapping{BatchSize: 10, Window: time.Hour}, nil)
	r.drain(t)
	r.stream.put("shard-0", records("last")...)
	r.stream.mu.Lock()
	r.stream.closed["shard-0"] = true
	r.stream.mu.Unlock()
	r.drain(t)
	if diff := cmp.Diff([][]string{{"last"}}, r.function.seen()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

// A stream that cannot be read any more is not drained forever: stopping the poller ends that as well.
func TestDrainEndsWithThePoller(t *testing.T) {
	r := start(t, Mapping{BatchSize: 1}, nil)
	r.drain(t)
	r.stream.mu.Lock()
	r.stream.fail = math.MaxInt
	r.stream.mu.Unlock()
	drained := make(chan error, 1)
	go func() { drained <- r.Drain(t.Context()) }()
	for e := range r.events { // the reading has failed at least once
		if e.Kind == runlog.Failed {
			break
		}
	}
	r.Stop()
	if err := <-drained; !errors.Is(err, ErrStopped) {
		t.Errorf("got %v, want ErrStopped", err)
	}
	if err := r.Drain(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("draining a stopped poller: %v, want ErrStopped", err)
	}
}
