// Package streams does what Lambda's event source mappings do: it reads the shards of Kinesis streams, invokes a function
// with batches in order, and handles failures by the mapping's settings. [AWS 5]
//
// It knows streams only through Source and functions only through Invoke; it does not know the Lambda API.
package streams

import (
	"context"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/event"
)

// A Position is where the reading of a shard begins.
type Position struct {
	Kind string // "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP", or "AFTER_SEQUENCE_NUMBER"
	Time time.Time
	// After is the sequence number of the last record that need not be read.
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
	Parallelization int
	Start           Position
	// Resume overrides Start for single shards: where another poller of the mapping has stopped.
	Resume         map[string]Position `json:"-"`
	MaxRetries     int                 // -1: until the record is too old
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

// A Page is what one read of a shard gave.
type Page struct {
	Records []Record
	Next    string // iterator of the next read; "" when the shard is closed and read to its end
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

// Options are what a poller works with.
type Options struct {
	Source Source
	// Invoke runs the function and returns its answer; the error is any failure of the invocation.
	Invoke func(ctx context.Context, function string, payload []byte) ([]byte, error)
	// Send delivers a failure record; key is its name in a bucket.
	Send   func(ctx context.Context, destination, key string, record []byte) error
	Events event.Sink
	Region string
	// Interval is the wait after a read that found nothing; 0 means 250 ms, AWS's is one second.
	Interval time.Duration
	// RetryDelay is the wait before the first retry; it doubles up to 5 s. 0 means 200 ms.
	RetryDelay time.Duration
}
