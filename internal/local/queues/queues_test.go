package queues

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// function is one that fails on messages as the test says, and remembers what it got.
type function struct {
	mu      sync.Mutex
	batches [][]string
	running int
	most    int
	answer  func(bodies []string, ids map[string]string) (string, error)
}

func (f *function) invoke(_ context.Context, name string, payload []byte) ([]byte, error) {
	var e events.SQSEvent
	if err := json.Unmarshal(payload, &e); err != nil || name != "gh-processor" {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var bodies []string
	ids := map[string]string{}
	for _, r := range e.Records {
		if r.EventSource != "aws:sqs" || r.Attributes["SentTimestamp"] == "" {
			return nil, fmt.Errorf("record %+v", r)
		}
		bodies = append(bodies, r.Body)
		ids[r.Body] = r.MessageId
	}
	f.mu.Lock()
	f.batches = append(f.batches, bodies)
	f.running++
	f.most = max(f.most, f.running)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.running--
		f.mu.Unlock()
	}()
	if f.answer == nil {
		return nil, nil
	}
	text, err := f.answer(bodies, ids)
	return []byte(text), err
}

type world struct {
	client         *sqs.Client
	queue, letters string
	poller         *Poller
}

const queueARN = "arn:aws:sqs:us-east-1:" + mototest.AccountID + ":gh-messages"

// start makes a queue that gives up after four receives, and a poller of it.
func start(t *testing.T, m Mapping, f *function) *world {
	t.Helper()
	w := &world{client: sqs.NewFromConfig(mototest.Start(t).Config(t))}
	letters, err := w.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("gh-dead-letters")})
	if err != nil {
		t.Fatal(err)
	}
	queue, err := w.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("gh-messages"),
		Attributes: map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:` +
			mototest.AccountID + `:gh-dead-letters","maxReceiveCount":4}`}})
	if err != nil {
		t.Fatal(err)
	}
	w.queue, w.letters = *queue.QueueUrl, *letters.QueueUrl
	m.QueueARN, m.Function = queueARN, "gh-processor"
	w.poller = Start(m, Options{Client: w.client, Invoke: f.invoke, Interval: time.Millisecond,
		RetryDelay: time.Millisecond, Events: runlog.Sink(func(runlog.Event) {})})
	t.Cleanup(w.poller.Stop)
	return w
}

func (w *world) send(t *testing.T, n int) (bodies []string) {
	t.Helper()
	for i := range n {
		body := fmt.Sprintf("message %03d", i)
		if _, err := w.client.SendMessage(t.Context(),
			&sqs.SendMessageInput{QueueUrl: &w.queue, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	return bodies
}

func (w *world) drain(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.poller.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

// dead are the bodies of the dead letters.
func (w *world) dead(t *testing.T) (bodies []string) {
	t.Helper()
	out, err := w.client.ReceiveMessage(t.Context(),
		&sqs.ReceiveMessageInput{QueueUrl: &w.letters, MaxNumberOfMessages: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range out.Messages {
		bodies = append(bodies, *m.Body)
	}
	slices.Sort(bodies)
	return bodies
}

func TestEveryMessageOnce(t *testing.T) {
	f := &function{}
	w := start(t, Mapping{BatchSize: 25, MaxConcurrency: 2, ReportFailures: true}, f)
	sent := w.send(t, 60)
	w.drain(t)
	var got []string
	for _, b := range f.batches {
		if len(b) > 25 {
			t.Errorf("a batch of %d", len(b))
		}
		got = append(got, b...)
	}
	slices.Sort(got)
	if !slices.Equal(got, sent) || f.most > 2 {
		t.Errorf("got %d messages of %d, %d invocations at a time", len(got), len(sent), f.most)
	}
}

// TestFailures: what the function reports comes again, until SQS makes it a dead letter; the rest does not.
func TestFailures(t *testing.T) {
	failing := func(body string) bool { return strings.HasSuffix(body, "3") }
	for _, c := range []struct {
		why    string
		report bool
		batch  int
		answer func(bodies []string, ids map[string]string) (string, error)
		dead   []string
		times  map[string]int // how often the function got a message
	}{
		{"one of a batch", true, 10, func(bodies []string, ids map[string]string) (string, error) {
			for _, b := range bodies {
				if failing(b) {
					return `{"batchItemFailures":[{"itemIdentifier":"` + ids[b] + `"}]}`, nil
				}
			}
			return `{"batchItemFailures":[]}`, nil
		}, []string{"message 003"}, map[string]int{"message 003": 4, "message 002": 1}},
		{"an unknown name fails all", true, 1, func(bodies []string, _ map[string]string) (string, error) {
			if failing(bodies[0]) {
				return `{"batchItemFailures":[{"itemIdentifier":"?"}]}`, nil
			}
			return "", nil
		}, []string{"message 003"}, map[string]int{"message 003": 4, "message 002": 1}},
		{"an answer that is not one fails all", true, 1, func(bodies []string, _ map[string]string) (string, error) {
			if failing(bodies[0]) {
				return "?", nil
			}
			return "", nil
		}, []string{"message 003"}, map[string]int{"message 003": 4}},
		{"a function that fails", false, 1, func(bodies []string, _ map[string]string) (string, error) {
			if failing(bodies[0]) {
				return "", errors.New("out of memory")
			}
			return `{"batchItemFailures":[{"itemIdentifier":"ignored"}]}`, nil
		}, []string{"message 003"}, map[string]int{"message 003": 4, "message 004": 1}},
	} {
		t.Run(c.why, func(t *testing.T) {
			f := &function{answer: c.answer}
			w := start(t, Mapping{BatchSize: c.batch, ReportFailures: c.report}, f)
			w.send(t, 6)
			w.drain(t)
			if got := w.dead(t); !slices.Equal(got, c.dead) {
				t.Errorf("dead letters %v, want %v", got, c.dead)
			}
			for body, want := range c.times {
				n := 0
				for _, b := range f.batches {
					if slices.Contains(b, body) {
						n++
					}
				}
				if n != want {
					t.Errorf("%s was handed over %d times, want %d", body, n, want)
				}
			}
		})
	}
}

func TestDrainOfAStoppedPoller(t *testing.T) {
	w := start(t, Mapping{BatchSize: 1}, &function{})
	w.poller.Stop()
	if err := w.poller.Drain(t.Context()); !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
}

// TestLargeMessages: an event stays below Lambda's limit.
func TestLargeMessages(t *testing.T) {
	b := &batch{}
	for range 40 {
		b.add([]types.Message{{Body: aws.String(strings.Repeat("x", 170_000))}})
	}
	sizes := []int{len(b.take(100)), len(b.take(100))}
	if sizes[0] == 0 || sizes[0]*170_000 > 6<<20 || sizes[0]+sizes[1] != 40 {
		t.Errorf("batches of %v", sizes)
	}
}
