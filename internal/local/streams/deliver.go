package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/retries"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// maxDelay is the longest delay between attempts.
const maxDelay = 5 * time.Second

// deliver invokes the function until the records are processed or given up. [AWS 5]
func (s *shard) deliver(ctx context.Context, records []Record) {
	m := s.poller.mapping
	delays := retries.Doubling(s.poller.options.RetryDelay, maxDelay)
	for attempt := 1; len(records) > 0 && ctx.Err() == nil; {
		var expired []Record
		records, expired = splitByAge(records, m.MaxAge)
		if len(expired) > 0 {
			s.giveUp(ctx, expired, "RecordAgeExceeded", attempt-1)
			continue
		}
		done, err := s.invoke(ctx, records)
		if err == nil || ctx.Err() != nil {
			return
		}
		switch {
		case done > 0: // progress: the count of attempts starts over
			records, attempt = records[done:], 1
			delays.Reset()
		case m.Bisect && len(records) > 1 && !errors.As(err, new(reported)):
			half := len(records) / 2 // a split does not count as a retry
			s.deliver(ctx, records[:half])
			records = records[half:]
			continue
		default:
			if attempt++; m.MaxRetries >= 0 && attempt > m.MaxRetries+1 {
				s.giveUp(ctx, records, "RetryAttemptsExhausted", attempt-1)
				return
			}
		}
		retries.Sleep(ctx, delays.NextBackOff())
	}
}

// splitByAge separates the records at the front that are older than the limit.
func splitByAge(records []Record, limit time.Duration) (young, old []Record) {
	if limit <= 0 {
		return records, nil
	}
	n := 0
	for n < len(records) && time.Since(records[n].Arrived) > limit {
		n++
	}
	return records[n:], records[:n]
}

// reported is a failure that the function reported for one record of the batch.
type reported struct{ index int }

// Error implements error.
func (r reported) Error() string {
	return fmt.Sprintf("the function reported record %d as failed", r.index+1)
}

// invoke runs the function on the batch. On failure, done is the number of leading records that need no retry.
func (s *shard) invoke(ctx context.Context, records []Record) (done int, err error) {
	p := s.poller
	payload, err := s.event(records)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	answer, err := p.options.Invoke(ctx, p.mapping.Function, payload)
	if err == nil && s.window != nil {
		err = s.keep(ctx, answer)
	}
	if err == nil && p.mapping.ReportFailures {
		if at, failed := failedAt(answer, records); failed {
			done, err = at, reported{at}
		}
	}
	if ctx.Err() == nil {
		e := runlog.Event{
			Kind:     runlog.Invoked,
			Action:   p.mapping.Function,
			Target:   s.describe(records),
			Duration: time.Since(began),
			Payload:  payload,
			Records:  sequenceNumbers(records),
		}
		if err != nil {
			e.Error = err.Error()
		}
		p.options.Events.Send(e)
	}
	return done, err
}

func sequenceNumbers(records []Record) []string {
	all := make([]string, len(records))
	for i, r := range records {
		all[i] = r.SequenceNumber
	}
	return all
}

// describe is what an invocation is about, for the log.
func (s *shard) describe(records []Record) string {
	if s.window != nil && len(records) == 0 {
		return "end of the window " + s.window.start.Format(time.TimeOnly) + "–" + s.window.end.Format(time.TimeOnly)
	}
	return fmt.Sprintf("%d records", len(records))
}

// failedAt finds the first failed record in an answer with batchItemFailures. A missing answer and a missing or empty
// list mean success; an empty or unknown identifier fails the whole batch. [AWS 5 WK]
func failedAt(answer []byte, records []Record) (index int, failed bool) {
	var reply struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if len(answer) == 0 {
		return 0, false
	}
	if json.Unmarshal(answer, &reply) != nil {
		return 0, true
	}
	if len(reply.BatchItemFailures) == 0 {
		return 0, false
	}
	positions := make(map[string]int, len(records))
	for i, r := range records {
		positions[r.SequenceNumber] = i
	}
	index = len(records)
	for _, f := range reply.BatchItemFailures {
		i, known := positions[f.ItemIdentifier]
		if !known {
			return 0, true
		}
		index = min(index, i)
	}
	return index, true
}

type kinesisEvent struct {
	Records []kinesisEventRecord
}

type kinesisEventRecord struct {
	Kinesis struct {
		SchemaVersion  string  `json:"kinesisSchemaVersion"`
		PartitionKey   string  `json:"partitionKey"`
		SequenceNumber string  `json:"sequenceNumber"`
		Data           []byte  `json:"data"`
		Arrived        float64 `json:"approximateArrivalTimestamp"`
	} `json:"kinesis"`
	EventSource       string `json:"eventSource"`
	EventVersion      string `json:"eventVersion"`
	EventID           string `json:"eventID"`
	EventName         string `json:"eventName"`
	InvokeIdentityARN string `json:"invokeIdentityArn"`
	Region            string `json:"awsRegion"`
	EventSourceARN    string `json:"eventSourceARN"`
}

// event is the function's input for a batch. [AWS 5]
func (s *shard) event(records []Record) ([]byte, error) {
	p := s.poller
	e := kinesisEvent{Records: make([]kinesisEventRecord, len(records))}
	for i, r := range records {
		out := &e.Records[i]
		out.Kinesis.SchemaVersion = "1.0"
		out.Kinesis.PartitionKey = r.PartitionKey
		out.Kinesis.SequenceNumber = r.SequenceNumber
		out.Kinesis.Data = r.Data
		out.Kinesis.Arrived = float64(r.Arrived.UnixMilli()) / 1000
		out.EventSource, out.EventVersion, out.EventName = "aws:kinesis", "1.0", "aws:kinesis:record"
		out.EventID = s.name + ":" + r.SequenceNumber
		out.InvokeIdentityARN = p.mapping.FunctionARN
		out.Region = p.options.Region
		out.EventSourceARN = p.mapping.StreamARN
	}
	if s.window != nil {
		return json.Marshal(s.inWindow(e, false))
	}
	return json.Marshal(e)
}
