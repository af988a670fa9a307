package delivery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/streams"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// start is when the records of a test arrive.
var start = time.Date(2026, 3, 12, 23, 59, 58, 0, time.UTC)

// fakeStream is a source in memory; the sequence number of a record is its position.
type fakeStream struct {
	mu     sync.Mutex
	shards map[string][]streams.Record
}

func (f *fakeStream) put(shard string, payloads ...string) {
	for _, payload := range payloads {
		f.publish(shard, "soil-001", payload)
	}
}

// publish adds a record of a thing and returns its sequence number and arrival.
func (f *fakeStream) publish(shard, thing, payload string) (sequence string, arrived time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.shards[shard])
	sequence, arrived = shard+strconv.Itoa(n), start.Add(time.Duration(n)*time.Second)
	f.shards[shard] = append(f.shards[shard], streams.Record{SequenceNumber: sequence, PartitionKey: thing,
		Data: []byte(payload), Arrived: arrived})
	return sequence, arrived
}

func (f *fakeStream) Shards(context.Context, string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.shards)), nil
}

func (f *fakeStream) Iterator(_ context.Context, _, shard string, p streams.Position) (string, error) {
	at := 0
	if p.Kind == "AFTER_SEQUENCE_NUMBER" {
		n, err := strconv.Atoi(strings.TrimPrefix(p.After, shard))
		if err != nil {
			return "", err
		}
		at = n + 1
	}
	return shard + "@" + strconv.Itoa(at), nil
}

func (f *fakeStream) Read(_ context.Context, _, iterator string, limit int) (streams.Page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	shard, position, _ := strings.Cut(iterator, "@")
	at, err := strconv.Atoi(position)
	if err != nil {
		return streams.Page{}, err
	}
	end := min(len(f.shards[shard]), at+limit)
	return streams.Page{Records: slices.Clone(f.shards[shard][at:end]), Next: fmt.Sprintf("%s@%d", shard, end)}, nil
}

// bucket keeps objects and can refuse them.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	refuse  int // how many puts fail from now on
	refused chan struct{}
}

func (b *bucket) put(_ context.Context, name, key string, body []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != 0 {
		b.refuse--
		select {
		case b.refused <- struct{}{}:
		default:
		}
		return errors.New("slow down")
	}
	b.objects[name+"/"+key] = bytes.Clone(body)
	return nil
}

// keys lists the keys that begin with a prefix.
func (b *bucket) keys(prefix string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var keys []string
	for key := range b.objects {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (b *bucket) get(key string) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.objects[key]
}

// world is what a delivery stream works with in a test.
type world struct {
	source *fakeStream
	bucket *bucket
	// function answers one event; it is called by one goroutine.
	function func(event firehoseEvent) ([]byte, error)
	lambda   *lambdatest.Function // answers instead, if it is not nil

	mu     sync.Mutex
	events []runlog.Event
	sizes  []int // records of each invocation
}

func newWorld(payloads ...string) *world {
	w := &world{source: &fakeStream{shards: map[string][]streams.Record{}},
		bucket: &bucket{objects: map[string][]byte{}, refused: make(chan struct{}, 1)}, function: echo}
	w.source.put("a", payloads...)
	return w
}

// echo answers each record with its own data.
func echo(event firehoseEvent) ([]byte, error) {
	return reply(event, func(firehoseEventRecord) string { return "Ok" })
}

// reply answers each record with its own data and the result for it.
func reply(event firehoseEvent, result func(firehoseEventRecord) string) ([]byte, error) {
	type answer struct {
		ID     string `json:"recordId"`
		Result string `json:"result"`
		Data   []byte `json:"data"`
	}
	answers := make([]answer, len(event.Records))
	for i, r := range event.Records {
		answers[i] = answer{r.ID, result(r), r.Data}
	}
	return json.Marshal(map[string]any{"records": answers})
}

const functionARN = "arn:aws:lambda:us-east-1:123456789012:function:gh-archiver"

// parquetConfig is the configuration of an archive of Parquet files.
func parquetConfig() Config {
	table := &Table{Database: "gh", Name: "telemetry", VersionID: "LATEST", Codec: "SNAPPY"}
	for _, c := range contract.ArchiveColumns() {
		table.Columns = append(table.Columns, Column(c))
	}
	c := jsonConfig()
	c.Prefix, c.Compression, c.Table = "raw/day=!{timestamp:yyyy-MM-dd}/", "UNCOMPRESSED", table
	return c
}

func jsonConfig() Config {
	return Config{
		Name: "gh-archive", ARN: "arn:aws:firehose:us-east-1:123456789012:deliverystream/gh-archive", Version: "3",
		SourceARN: "arn:aws:kinesis:us-east-1:123456789012:stream/gh", Start: start, Bucket: "gh",
		Prefix: "raw/json/day=!{timestamp:yyyy-MM-dd}/", ErrorPrefix: "archive-errors/!{firehose:error-output-type}/",
		BufferBytes: 64 << 20, Compression: "GZIP", FunctionARN: functionARN, FunctionBytes: 1 << 20, Retries: 3,
	}
}

// run starts a delivery stream, which collects records until it is drained.
func (w *world) run(t *testing.T, c Config, checkpoints string) *Stream {
	t.Helper()
	s, err := Start(c, Options{
		Source: w.source,
		Invoke: func(_ context.Context, arn string, payload []byte) ([]byte, error) {
			var event firehoseEvent
			if err := json.Unmarshal(payload, &event); err != nil || arn != c.FunctionARN {
				return nil, fmt.Errorf("function %s, event %s: %w", arn, payload, err)
			}
			w.mu.Lock()
			w.sizes = append(w.sizes, len(event.Records))
			w.mu.Unlock()
			if w.lambda == nil {
				return w.function(event)
			}
			answer := w.lambda.Invoke(payload, time.Minute)
			if answer.Failed {
				return nil, fmt.Errorf("the function failed: %s", answer.Body)
			}
			return answer.Body, nil
		},
		Put: w.bucket.put,
		Events: func(e runlog.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
		Region: "us-east-1", Interval: time.Hour, RetryDelay: time.Millisecond, Checkpoints: checkpoints,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func drain(t *testing.T, s *Stream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

// failed returns the errors that the stream reported.
func (w *world) failed() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, e := range w.events {
		if e.Error != "" {
			all = append(all, e.Error)
		}
	}
	return strings.Join(all, "\n")
}

// row is a row of the archive's table, as parquet-go reads it.
type row struct {
	Thing           *string             `parquet:"thing"`
	Time            *deprecated.Int96   `parquet:"time"`
	ArrivedAt       *deprecated.Int96   `parquet:"arrived_at"`
	Kind            *string             `parquet:"kind"`
	Measures        map[string]*float64 `parquet:"measures,optional"`
	Texts           map[string]*string  `parquet:"texts,optional"`
	Flags           map[string]*bool    `parquet:"flags,optional"`
	Payload         *string             `parquet:"payload"`
	PayloadEncoding *string             `parquet:"payload_encoding"`
	SequenceNumber  *string             `parquet:"sequence_number"`
}

func readParquet(t testing.TB, body []byte) []row {
	t.Helper()
	rows, err := parquet.Read[row](bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
