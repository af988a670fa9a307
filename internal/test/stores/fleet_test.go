package stores

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/delivery"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/streams"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

const (
	fleetMessages = 10_000
	fleetDevices  = 40
	// fleetInterval is between two rounds, in each of which every device sends. A whole number of rounds is 24 hours,
	// and none is 10 minutes, so that the queries' limits do not move over a reading while the test runs.
	fleetInterval = 432 * time.Second
	silentRounds  = 3 // every fifth device sends no telemetry in the last rounds
)

// sample is a reading of the fleet as it was sent.
type sample struct {
	thing                 string
	at                    time.Time
	temperature, humidity float64
}

// fleet is what devices sent within the last 30 hours, one record for each message.
type fleet struct {
	records []lambdatest.Record
	samples []sample
	rows    map[string]int // of the archive, by thing
	sent    map[string]int // messages, by thing
}

// arrival is when the stream got the first message; all arrive on one day.
func arrival() time.Duration {
	const before = -20 * time.Second
	if at := lambdatest.Start.Add(before).UTC(); at.Day() != lambdatest.Start.UTC().Day() {
		return time.Second
	}
	return before
}

func newFleet() *fleet {
	f := &fleet{rows: map[string]int{}, sent: map[string]int{}}
	rounds := fleetMessages / fleetDevices
	for i := range fleetMessages {
		round, device := i/fleetDevices, i%fleetDevices
		thing, left := fmt.Sprintf("soil-%03d", device), rounds-1-round
		s := sample{thing, lambdatest.Start.Add(-time.Duration(left) * fleetInterval),
			float64(i%997)/8 - 30, float64(i%101) / 2}
		shape := (round + device) % 10
		switch {
		case device%5 == 0 && left < silentRounds:
			shape = 9
		case left < silentRounds:
			shape = 0
		}
		payload := ""
		switch shape {
		case 7:
			later := s
			later.at, later.temperature = s.at.Add(7*time.Millisecond), -1
			payload = fmt.Sprintf(`{"readings":[{"ts":%d,"temperature":%v,"humidity":%v},`+
				`{"ts":%d,"temperature":-1,"humidity":%v}]}`, s.at.UnixMilli(), s.temperature, s.humidity,
				later.at.UnixMilli(), s.humidity)
			f.samples = append(f.samples, s, later)
			f.rows[thing]++
		case 8:
			payload = lambdatest.Status(thing, `{"status":"online"}`, lambdatest.Start)
		case 9:
			payload = "poison " + strconv.Itoa(i)
		default:
			payload = fmt.Sprintf(`{"timestamp":%d,"data":{"temperature":%v,"humidity":%v}}`, s.at.UnixMilli(),
				s.temperature, s.humidity)
			f.samples = append(f.samples, s)
		}
		f.rows[thing]++
		f.sent[thing]++
		f.records = append(f.records, lambdatest.Record{Thing: thing, Payload: payload,
			Sequence: fmt.Sprintf("%020d", i+1), After: arrival() + time.Duration(i)*time.Millisecond})
	}
	return f
}

// shard is the fleet as a stream of one shard.
type shard struct{ records []lambdatest.Record }

func (shard) Shards(context.Context, string) ([]string, error) {
	return []string{"shardId-000000000000"}, nil
}

func (shard) Iterator(_ context.Context, _, _ string, p streams.Position) (string, error) {
	if p.After == "" {
		return "0", nil
	}
	n, err := strconv.Atoi(p.After) // the sequence numbers count from 1
	return strconv.Itoa(n), err
}

func (s shard) Read(_ context.Context, _, iterator string, limit int) (streams.Page, error) {
	at, err := strconv.Atoi(iterator)
	if err != nil {
		return streams.Page{}, err
	}
	page := streams.Page{Next: strconv.Itoa(min(len(s.records), at+limit))}
	for _, r := range s.records[at:min(len(s.records), at+limit)] {
		page.Records = append(page.Records, streams.Record{SequenceNumber: r.Sequence, PartitionKey: r.Thing,
			Data: []byte(r.Payload), Arrived: lambdatest.Start.Add(r.After)})
	}
	return page, nil
}

// archive delivers the fleet's messages as a pipeline's Firehose stream does, by the real archiver and as Parquet, and
// returns the directory of the objects, which have their keys as paths.
func (f *fleet) archive(t *testing.T) string {
	t.Helper()
	archiver := lambdatest.StartFunction(t, lambdatest.Compile(t, "archiver"), nil)
	dir := t.TempDir()
	table := &delivery.Table{Database: "greenhouse", Name: "telemetry", VersionID: "LATEST", Codec: "SNAPPY"}
	for _, c := range contract.ArchiveColumns() {
		table.Columns = append(table.Columns, delivery.Column(c))
	}
	b := pipeline.ArchiveFunctionBuffer
	var mu sync.Mutex
	s, err := delivery.Start(delivery.Config{
		Name: "greenhouse-archive", Version: "1",
		ARN:       "arn:aws:firehose:us-east-1:123456789012:deliverystream/greenhouse-archive",
		SourceARN: "arn:aws:kinesis:us-east-1:123456789012:stream/greenhouse", Bucket: "greenhouse",
		Prefix: "raw/day=!{timestamp:yyyy-MM-dd}/", ErrorPrefix: "errors/!{firehose:error-output-type}/",
		BufferBytes: 300_000, // several objects
		Compression: "UNCOMPRESSED", FunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:greenhouse-archiver",
		FunctionBytes: int(b.MB * (1 << 20)), Retries: int(b.Retries), Table: table,
	}, delivery.Options{
		Source: shard{f.records},
		Invoke: func(_ context.Context, _ string, payload []byte) ([]byte, error) {
			answer := archiver.Invoke(payload, time.Minute)
			if answer.Failed {
				return nil, fmt.Errorf("the archiver failed: %s", answer.Body)
			}
			return answer.Body, nil
		},
		Put: func(_ context.Context, _, key string, body []byte) error {
			path := filepath.Join(dir, key)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			return os.WriteFile(path, body, 0o644)
		},
		Events: func(e runlog.Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Error != "" {
				t.Errorf("delivery: %s", e.Error)
			}
		},
		Region: "us-east-1", Interval: time.Hour,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	return dir
}

// lines writes rows as a file of JSON, one per line, and returns its path.
func lines[Row any](t *testing.T, rows []Row) string {
	t.Helper()
	var out bytes.Buffer
	for _, row := range rows {
		if err := json.NewEncoder(&out).Encode(row); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "rows.json")
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
