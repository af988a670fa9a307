package processor

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// TestAnOlderReadingThatComesAgainIsNoDeadLetter: Timestream has a newer one of the same time. In a batch that Lambda
// repeats, in a queue that delivers out of order, and of a message that the device sent again, that is what the order
// would have given.
func TestAnOlderReadingThatComesAgainIsNoDeadLetter(t *testing.T) {
	at := lambdatest.Start.Add(-time.Minute).UnixMilli()
	older := lambdatest.Record{Thing: "soil-001", Sequence: "1", After: time.Millisecond,
		Payload: fmt.Sprintf(`{"timestamp":%d,"data":{"v":1}}`, at)}
	newer := lambdatest.Record{Thing: "soil-001", Sequence: "2", After: 2 * time.Second,
		Payload: fmt.Sprintf(`{"timestamp":%d,"data":{"v":2}}`, at)}
	resent := newer
	resent.Payload = older.Payload
	// lands checks that one record is stored, and no dead letter.
	lands := func(t *testing.T, how, want string, aws *lambdatest.AWS) {
		t.Helper()
		if got := letters(t, aws); len(got) > 0 {
			t.Errorf("%s: dead letters %v", how, got)
		}
		stored := aws.Records()
		for _, record := range stored {
			if record.Values["v"] != want {
				t.Errorf("%s: stored %v, want %s", how, record.Values, want)
			}
		}
		if len(stored) != 1 {
			t.Errorf("%s: %d records", how, len(stored))
		}
	}
	for _, c := range []struct {
		name, layout string
		later        lambdatest.Record
		want         string
	}{
		{"another message", "multi", newer, "2"}, {"another message", "single", newer, "2"},
		{"the same message", "multi", resent, "1"}, {"the same message", "single", resent, "1"},
	} {
		t.Run(c.name+", "+c.layout, func(t *testing.T) {
			t.Parallel()
			more := map[string]string{"IOT_TIMESTREAM_LAYOUT": c.layout}
			p, aws := start(t, more)
			aws.Misbehave(only(updateItem, 1, lambdatest.Denied))
			event := lambdatest.Event(older, c.later)
			if failed := invoke(t, p, event, quick); failed == "" {
				t.Fatal("nothing failed")
			}
			invoke(t, p, event, quick)
			lands(t, "a batch that Lambda repeats", c.want, aws)

			p, aws = start(t, more)
			for _, record := range []lambdatest.Record{c.later, older} {
				if failed := returnedMessages(t, p, lambdatest.QueueEvent(record)); failed != nil {
					t.Errorf("returned %v", failed)
				}
			}
			lands(t, "a queue", c.want, aws)
		})
	}
}

// TestAPanicOfTheDecoderIsADeadLetter: a message for which the decoder has a mistake must not end the function, which
// would end with it at each retry, and take the messages around it along.
func TestAPanicOfTheDecoderIsADeadLetter(t *testing.T) {
	records := lambdatest.FleetRecords(30, 7)
	records[3].Payload = `[{"ts":1767225600,"t":1},{"boom":1}]`
	for kind, event := range map[string][]byte{"stream": lambdatest.Event(records...),
		"queue": lambdatest.QueueEvent(records...)} {
		p, aws := start(t, onlyRecent)
		decode := p.decoders[0]
		p.decoders[0] = func(list []telemetry.Reading, payload string, at time.Time) ([]telemetry.Reading, error) {
			list, err := decode(list, payload, at)
			if strings.Contains(payload, "boom") {
				list[len(list)].Time = at
			}
			return list, err
		}
		if kind == "queue" {
			if failed := returnedMessages(t, p, event); failed != nil {
				t.Errorf("returned %v", failed)
			}
		} else if failed := invoke(t, p, event, quick); failed != "" {
			t.Errorf("failed from %s", failed)
		}
		if diff := cmp.Diff(map[string]string{records[3].Sequence: "panic"}, letters(t, aws)); diff != "" {
			t.Errorf("%s: letters (-want +got):\n%s", kind, diff)
		}
		if items := len(aws.Items()); items != 29 {
			t.Errorf("%s: %d items of 29 good messages", kind, items)
		}
		// The decoder is a new one, and the next batch uses it.
		if failed := invoke(t, p, lambdatest.Event(records[3]), quick); failed != "" || len(aws.Items()) != 31 {
			t.Errorf("failed from %q with %d items", failed, len(aws.Items()))
		}
	}
}

// broken is an invoker with a mistake.
type broken struct{}

func (broken) Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	panic("a mistake")
}

// TestAPanicAboutAnAlertIsADeadLetter, and what the message holds is stored.
func TestAPanicAboutAnAlertIsADeadLetter(t *testing.T) {
	p, _ := watching(t, statement)
	p.alerts.invoker = broken{}
	event := lambdatest.Event(lambdatest.Record{Thing: "soil-001", Payload: `{"data":{"v":6}}`},
		lambdatest.Record{Thing: "soil-002", Payload: `{"data":{"v":1}}`})
	if failed := invoke(t, p.processor, event, quick); failed != "" {
		t.Errorf("failed from %s", failed)
	}
	got, err := p.letters.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &p.queue, MaxNumberOfMessages: 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Messages) != 1 || !strings.Contains(*got.Messages[0].Body, `"sequence_number":"1"`) ||
		!strings.Contains(*got.Messages[0].Body, `"reason":"panic"`) {
		t.Errorf("%d dead letters: %+v", len(got.Messages), got.Messages)
	}
	if stored := p.tables(t); stored["greenhouse/\"soil-001\"/"] == nil || stored["greenhouse/\"soil-002\"/"] == nil {
		t.Errorf("stored %v", stored)
	}
}
