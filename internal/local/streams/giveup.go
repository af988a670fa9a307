package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/retries"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// sendAttempts is how often a failure record is sent before it is lost.
const sendAttempts = 10

// timestamp is the time format of failure records.
const timestamp = "2006-01-02T15:04:05.000Z"

// giveUp sends the failure record of a batch.
func (s *shard) giveUp(ctx context.Context, records []Record, condition string, attempts int) {
	p, m := s.poller, s.poller.mapping
	what := fmt.Sprintf("giving up %d records from %s (%s)", len(records), records[0].SequenceNumber, condition)
	if m.OnFailure == "" {
		p.fail(what, errors.New("the records are lost: the mapping has no on-failure destination"))
		return
	}
	now := time.Now().UTC()
	record, err := s.failureRecord(records, condition, attempts, now)
	if err == nil {
		key := fmt.Sprintf("aws/lambda/%s/%s/%s-%s", m.UUID, s.name, now.Format("2006/01/02/2006-01-02T15.04.05"),
			uuid.NewString())
		err = s.send(ctx, key, record)
	}
	if err != nil {
		p.fail(what, err)
		return
	}
	p.options.Events.Send(runlog.Event{Kind: runlog.Acted, Action: "on-failure", Target: m.OnFailure, Detail: what})
}

// failureRecord returns metadata only, for a queue or topic, and adds the whole event for a bucket. [AWS 5 KOFD]
func (s *shard) failureRecord(records []Record, condition string, attempts int, now time.Time) ([]byte, error) {
	m := s.poller.mapping
	first, last := records[0], records[len(records)-1]
	record := map[string]any{
		"version":   "1.0",
		"timestamp": now.Format(timestamp),
		"requestContext": map[string]any{
			"requestId":              uuid.NewString(),
			"functionArn":            m.FunctionARN,
			"condition":              condition,
			"approximateInvokeCount": attempts,
		},
		"responseContext": map[string]any{
			"statusCode":      200,
			"executedVersion": "$LATEST",
			"functionError":   "Unhandled",
		},
		"KinesisBatchInfo": map[string]any{
			"shardId":                         s.name,
			"startSequenceNumber":             first.SequenceNumber,
			"endSequenceNumber":               last.SequenceNumber,
			"approximateArrivalOfFirstRecord": first.Arrived.UTC().Format(timestamp),
			"approximateArrivalOfLastRecord":  last.Arrived.UTC().Format(timestamp),
			"batchSize":                       len(records),
			"streamArn":                       m.StreamARN,
		},
	}
	if strings.Contains(m.OnFailure, ":s3:::") {
		payload, err := s.event(records)
		if err != nil {
			return nil, err
		}
		record["payload"] = string(payload)
	}
	return json.Marshal(record)
}

func (s *shard) send(ctx context.Context, key string, record []byte) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		return struct{}{}, s.poller.options.Send(ctx, s.poller.mapping.OnFailure, key, record)
	},
		backoff.WithBackOff(retries.Doubling(s.poller.options.RetryDelay, maxDelay)),
		backoff.WithMaxTries(sendAttempts),
		backoff.WithMaxElapsedTime(0),
	)
	return err
}
