package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/retries"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// maxDelay is the longest delay between attempts.
const maxDelay = 5 * time.Second

// maxEvent limits the event of one invocation, in bytes, with some reserve. [AWS 8: sync payload 6 MB]
const maxEvent = 5500000

// transformed is a record after the function: data to store, nothing (dropped), or a failure.
type transformed struct {
	entry
	data    []byte
	failure *failure
}

// A failure is why a record is kept below the error prefix.
type failure struct {
	code, message string
	attempts      int
	ended         time.Time
}

// transform runs the function on a batch, in as many invocations as its buffer asks for.
func (s *Stream) transform(ctx context.Context, batch []entry) []transformed {
	all := make([]transformed, len(batch))
	for i, e := range batch {
		all[i] = transformed{entry: e, data: e.Data}
	}
	if s.config.FunctionARN == "" {
		return all
	}
	for rest := all; len(rest) > 0 && ctx.Err() == nil; {
		n, data, event := 0, 0, 0
		for n < len(rest) {
			size := len(rest[n].Data)
			data, event = data+size, event+size*4/3+len(rest[n].PartitionKey)+500
			if n > 0 && (data > s.config.FunctionBytes || event > maxEvent) {
				break
			}
			n++
		}
		s.transformOnce(ctx, rest[:n])
		rest = rest[n:]
	}
	return all
}

// transformOnce invokes the function for records that fit into one event. A failed invocation is retried; after that,
// all its records have failed. [AWS 7.4]
func (s *Stream) transformOnce(ctx context.Context, records []transformed) {
	event, err := s.event(records)
	if err != nil { // never: the event holds texts and numbers
		s.failAll(records, failure{code: "Lambda.JsonProcessingException", message: err.Error(), ended: time.Now()})
		return
	}
	delays := retries.Doubling(s.options.RetryDelay, maxDelay)
	for attempt := 1; ; attempt++ {
		began := time.Now()
		answer, err := s.options.Invoke(ctx, s.config.FunctionARN, event)
		if ctx.Err() != nil {
			return
		}
		why := failure{code: "Lambda.FunctionError", attempts: attempt, ended: time.Now()}
		if err == nil {
			why.code, err = apply(answer, records, why)
		}
		e := runlog.Event{Kind: runlog.Invoked, Action: functionName(s.config.FunctionARN),
			Target: fmt.Sprintf("%d records", len(records)), Duration: time.Since(began)}
		if err != nil {
			e.Error = err.Error()
		}
		s.options.Events.Send(e)
		if err == nil {
			return
		}
		if attempt > s.config.Retries {
			why.message = err.Error()
			s.failAll(records, why)
			return
		}
		retries.Sleep(ctx, delays.NextBackOff())
	}
}

func (s *Stream) failAll(records []transformed, why failure) {
	for i := range records {
		records[i].data, records[i].failure = nil, &why
	}
}

type firehoseEvent struct {
	InvocationID      string                `json:"invocationId"`
	DeliveryStreamARN string                `json:"deliveryStreamArn"`
	SourceARN         string                `json:"sourceKinesisStreamArn,omitempty"`
	Region            string                `json:"region"`
	Records           []firehoseEventRecord `json:"records"`
}

type firehoseEventRecord struct {
	ID       string         `json:"recordId"`
	Arrived  int64          `json:"approximateArrivalTimestamp"`
	Data     []byte         `json:"data"`
	Metadata *eventMetadata `json:"kinesisRecordMetadata,omitempty"` // of a record of a stream
}

type eventMetadata struct {
	SequenceNumber    string `json:"sequenceNumber"`
	SubsequenceNumber int64  `json:"subsequenceNumber"`
	PartitionKey      string `json:"partitionKey"`
	ShardID           string `json:"shardId"`
	Arrived           int64  `json:"approximateArrivalTimestamp"`
}

// event is the function's input. [AWS 7.4 Transform event]
func (s *Stream) event(records []transformed) ([]byte, error) {
	e := firehoseEvent{InvocationID: uuid.NewString(), DeliveryStreamARN: s.config.ARN, SourceARN: s.config.SourceARN,
		Region: s.options.Region, Records: make([]firehoseEventRecord, len(records))}
	for i, r := range records {
		arrived := r.Arrived.UnixMilli()
		e.Records[i] = firehoseEventRecord{ID: recordID(r.SequenceNumber, i), Arrived: arrived, Data: r.Data}
		if s.config.SourceARN != "" {
			e.Records[i].Metadata = &eventMetadata{SequenceNumber: r.SequenceNumber, PartitionKey: r.PartitionKey,
				ShardID: r.shard, Arrived: arrived}
		}
	}
	return json.Marshal(e)
}

func recordID(sequence string, i int) string { return fmt.Sprintf("%s%012d", sequence, i) }

// apply reads the function's answer. The error, with its code, is about the answer as a whole: each record must be
// answered exactly once.
func apply(answer []byte, records []transformed, why failure) (code string, err error) {
	var reply struct {
		Records []struct {
			ID     string `json:"recordId"`
			Result string `json:"result"`
			Data   []byte `json:"data"`
		} `json:"records"`
	}
	if err := json.Unmarshal(answer, &reply); err != nil {
		return "Lambda.JsonProcessingException", fmt.Errorf("parsing the answer: %w", err)
	}
	at := make(map[string]int, len(reply.Records))
	for i, r := range reply.Records {
		if _, twice := at[r.ID]; twice {
			return "Lambda.DuplicatedRecordId", fmt.Errorf("the answer has the record %s more than once", r.ID)
		}
		at[r.ID] = i
	}
	for i := range records {
		id := recordID(records[i].SequenceNumber, i)
		k, ok := at[id]
		if !ok {
			return "Lambda.MissingRecordId", fmt.Errorf("the answer does not have the record %s", id)
		}
		switch r := reply.Records[k]; r.Result {
		case "Ok":
			records[i].data, records[i].failure = r.Data, nil
		case "Dropped":
			records[i].data, records[i].failure = nil, nil
		default:
			failed := why
			failed.code, failed.message = "Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record"
			if r.Result != "ProcessingFailed" {
				failed.message = fmt.Sprintf("the function answered %q; a result is Ok, Dropped or ProcessingFailed",
					r.Result)
			}
			records[i].data, records[i].failure = nil, &failed
		}
	}
	return "", nil
}
