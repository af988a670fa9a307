// Command processor is an example of a custom stream processor. It keeps no history and no device state; it posts each
// message of a batch to an HTTP service. Use it with
//
//	processor = { package = "processor.zip" }
//
// It implements the whole contract of docs/guides/functions.md: decode, handle, send poison messages as dead letters,
// report failed records.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/deadletter"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	options, err := telemetry.ParseOptions(os.Getenv("IOT_TELEMETRY"), os.Getenv("IOT_DATA_FIELD"),
		os.Getenv("IOT_TIME_FIELD"))
	if err != nil {
		log.Fatal(err)
	}
	decoder, err := telemetry.New(options)
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(&processor{
		pipeline: os.Getenv("IOT_PIPELINE"),
		url:      os.Getenv("SERVICE_URL"),
		decoder:  decoder,
		deadLetters: &deadletter.Sender{Queue: sqs.NewFromConfig(cfg),
			QueueURL: os.Getenv("IOT_DEAD_LETTER_QUEUE_URL")},
	})
}

type processor struct {
	pipeline, url string
	decoder       *telemetry.Decoder
	deadLetters   *deadletter.Sender
}

// reading is what the service receives for each reading of a message.
type reading struct {
	Thing  string             `json:"thing"`
	Time   time.Time          `json:"time"`
	Values map[string]float64 `json:"values"`
}

// Invoke handles one batch. It returns an error if the event is not a batch; the response lists failed records.
func (p *processor) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	records, err := stream.Parse(event)
	if err != nil {
		return nil, err
	}
	for i := range records {
		if err := p.handle(ctx, &records[i]); err != nil {
			log.Printf("returning %d records to Lambda: %v", len(records)-i, err)
			return stream.FailedFrom(records[i].SequenceNumber), nil
		}
	}
	return stream.Done(), nil
}

// handle stores one record, or sends it as a dead letter. It returns an error if Lambda must retry the record.
func (p *processor) handle(ctx context.Context, r *stream.Record) error {
	readings, err := p.decoder.Append(nil, r.Data, r.Arrival())
	var refused *telemetry.Error
	if errors.As(err, &refused) {
		return p.deadLetters.Send(ctx, deadletter.Letter{
			Pipeline: p.pipeline, Source: "my-processor", Thing: r.PartitionKey, ArrivedAt: r.Arrival(),
			SequenceNumber: r.SequenceNumber, Payload: []byte(r.Data), Reason: string(refused.Reason),
			Detail: refused.Detail,
		})
	}
	for _, one := range readings {
		out := reading{Thing: r.PartitionKey, Time: one.Time, Values: map[string]float64{}}
		for _, measure := range one.Measures {
			if measure.Kind == telemetry.Number {
				out.Values[measure.Name] = measure.Float()
			}
		}
		if err := p.post(ctx, out); err != nil {
			return err
		}
	}
	return nil
}

func (p *processor) post(ctx context.Context, r reading) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("posting the reading of %q: %w", r.Thing, err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("posting the reading of %q: the service responded %s", r.Thing, response.Status)
	}
	return nil
}
