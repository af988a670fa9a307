// Package streams runs Lambda event source mappings: it reads the shards of Kinesis streams, invokes a function with
// ordered batches, and handles failures as the mapping says. [AWS 5]
//
// It knows streams only through Source and functions only through Invoke; it does not know the Lambda API. With
// Options.Take, it only reads.
package streams

import (
	"context"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// A Position is where the reading of a shard begins.
type Position struct {
	Kind string // "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP", or "AFTER_SEQUENCE_NUMBER"
	Time time.Time
	// After is the sequence number of the last record to skip.
	After string
}

// A Mapping connects a stream to a function; the fields are those of Lambda's API.
type Mapping struct {
	UUID            string
	StreamARN       string
	Function        string // name
	FunctionARN     string
	BatchSize       int
	Window          time.Duration
	TumblingWindow  time.Duration // 0: none
	Parallelization int
	Start           Position
	// Resume overrides Start per shard: where an earlier poller of this mapping stopped.
	Resume         map[string]Position `json:"-"`
	MaxRetries     int                 // -1: retry until the record is too old
	MaxAge         time.Duration       // 0: as long as the stream keeps it
	Bisect         bool
	ReportFailures bool // the function answers with batchItemFailures
	Filters        []string
	OnFailure      string // ARN, or ""
}

// A Record is one record of a stream.
type Record struct {
	SequenceNumber string
	PartitionKey   string
	Data           []byte
	Arrived        time.Time
}

// A Page is the result of one read.
type Page struct {
	Records []Record
	Next    string // iterator of the next read; "" at the end of a closed shard
}

// A Source reads streams.
type Source interface {
	// Shards lists the stream's shards.
	Shards(ctx context.Context, streamARN string) ([]string, error)
	// Iterator returns where to read a shard from.
	Iterator(ctx context.Context, streamARN, shard string, p Position) (string, error)
	// Read returns up to limit records.
	Read(ctx context.Context, streamARN, iterator string, limit int) (Page, error)
}

// Options configure a poller.
type Options struct {
	Source Source
	// Take, if set, gets the records of a shard as they are read, in order, instead of the function; the mapping's
	// settings for batches and failures then mean nothing. It may block, until the context ends.
	Take func(ctx context.Context, shard string, records []Record)
	// Invoke runs the function and returns its answer; every failure is an error.
	Invoke func(ctx context.Context, function string, payload []byte) ([]byte, error)
	// Send delivers a failure record; key is its object key in a bucket.
	Send   func(ctx context.Context, destination, key string, record []byte) error
	Events runlog.Sink
	Region string
	// Interval is the pause after an empty read; 0 means 250 ms (AWS: one second).
	Interval time.Duration
	// RetryDelay is the delay before the first retry; it doubles up to 5 s. 0 means 200 ms.
	RetryDelay time.Duration
}
