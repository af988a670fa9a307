// Package queues runs Lambda event source mappings of SQS queues: it receives messages, invokes a function with batches
// of them, removes what is processed and leaves the rest to be received again [Lambda developer guide, Using Lambda
// with Amazon SQS]. What was received too often, SQS itself moves to the dead letters.
//
// It knows functions only through Invoke; it does not know the Lambda API.
package queues

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/retries"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// ErrStopped is Drain's error when the poller is stopped.
var ErrStopped = errors.New("the poller has stopped")

// A Mapping connects a queue to a function; the fields are those of Lambda's API.
type Mapping struct {
	UUID           string
	QueueARN       string
	Function       string // name
	BatchSize      int
	Window         time.Duration
	MaxConcurrency int  // 0: no limit but the poller's own
	ReportFailures bool // the function answers with batchItemFailures
}

// Queue is the name of the queue.
func (m Mapping) Queue() string { return m.QueueARN[strings.LastIndexByte(m.QueueARN, ':')+1:] }

// API is the part of the SQS client that a poller uses.
type API interface {
	GetQueueUrl(context.Context, *sqs.GetQueueUrlInput, ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(
		context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options),
	) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(
		context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options),
	) (*sqs.ChangeMessageVisibilityBatchOutput, error)
	GetQueueAttributes(
		context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options),
	) (*sqs.GetQueueAttributesOutput, error)
}

// Options configure a poller.
type Options struct {
	Client API
	// Invoke runs the function and returns its answer; every failure is an error.
	Invoke func(ctx context.Context, function string, payload []byte) ([]byte, error)
	Events runlog.Sink
	Region string
	// Interval is the pause after an empty receive; 0 means 250 ms (AWS: a long poll).
	Interval time.Duration
	// RetryDelay is how long a message that failed stays hidden, times the number of its receives, up to 5 s. 0 means 1
	// s, SQS's unit. On AWS it is the queue's visibility timeout, which is minutes.
	RetryDelay time.Duration
}

const (
	// received is the most messages that SQS hands out in one call.
	received = 10
	// most is how many invocations run at a time without a limit in the mapping.
	most       = 5
	longestGap = 5 * time.Second
)

// A Poller serves one mapping until it is stopped.
type Poller struct {
	mapping Mapping
	options Options
	cancel  context.CancelFunc
	stopped <-chan struct{} // closed by Stop
	running sync.WaitGroup
	awake   chan struct{} // holds at most one signal
	slots   chan struct{} // one for each invocation that may run

	mu    sync.Mutex
	url   string
	quiet chan struct{} // closed, and replaced, when a receive found nothing and no invocation runs
	busy  int           // invocations and messages that wait for one
}

// Start starts a poller.
func Start(m Mapping, o Options) *Poller {
	if o.Interval == 0 {
		o.Interval = 250 * time.Millisecond
	}
	if o.RetryDelay == 0 {
		o.RetryDelay = time.Second
	}
	if m.MaxConcurrency == 0 {
		m.MaxConcurrency = most
	}
	m.BatchSize = max(m.BatchSize, 1)
	ctx, cancel := context.WithCancel(context.Background())
	p := &Poller{mapping: m, options: o, cancel: cancel, stopped: ctx.Done(), awake: make(chan struct{}, 1),
		slots: make(chan struct{}, m.MaxConcurrency), quiet: make(chan struct{})}
	p.running.Go(func() { p.run(ctx) })
	return p
}

// Stop stops receiving. What is in work is received again later, by whoever polls the queue then.
func (p *Poller) Stop() {
	p.cancel()
	p.running.Wait()
}

// Wake makes the poller receive now, because there are new messages.
func (p *Poller) Wake() {
	select {
	case p.awake <- struct{}{}:
	default: // a signal is pending already
	}
}

// Drain returns once the queue is empty: every message that was sent before the call has been processed or is a dead
// letter.
func (p *Poller) Drain(ctx context.Context) error {
	for {
		p.mu.Lock()
		quiet, url := p.quiet, p.url
		p.mu.Unlock()
		p.Wake()
		select {
		case <-quiet:
		case <-p.stopped:
			return ErrStopped
		case <-ctx.Done():
			return ctx.Err()
		}
		if url == "" {
			continue // it was not known when the wait began
		}
		if left, err := p.left(ctx, url); err == nil && left == 0 {
			return nil
		}
		retries.Sleep(ctx, p.options.Interval) // some messages are hidden until they are tried again
	}
}

// left is how many messages the queue holds, hidden ones among them.
func (p *Poller) left(ctx context.Context, url string) (int, error) {
	names := []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed}
	out, err := p.options.Client.GetQueueAttributes(ctx,
		&sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
	if err != nil {
		return 0, err
	}
	sum := 0
	for _, name := range names {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			return 0, fmt.Errorf("reading the attribute %s: %w", name, err)
		}
		sum += n
	}
	return sum, nil
}

// run receives messages and starts invocations with them.
func (p *Poller) run(ctx context.Context) {
	batch := &batch{}
	for ctx.Err() == nil {
		messages, err := p.receive(ctx)
		if err != nil {
			p.fail(ctx, "receiving messages", err)
			retries.Sleep(ctx, p.options.Interval)
			continue
		}
		p.begin(len(messages))
		batch.add(messages)
		for batch.due(p.mapping, len(messages) == 0) {
			p.start(ctx, batch.take(p.mapping.BatchSize))
		}
		if len(messages) > 0 {
			continue
		}
		p.tellQuiet()
		p.sleep(ctx, batch.rest(p.mapping.Window))
	}
}

func (p *Poller) receive(ctx context.Context) ([]types.Message, error) {
	p.mu.Lock()
	url := p.url
	p.mu.Unlock()
	if url == "" {
		out, err := p.options.Client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(p.mapping.Queue())})
		if err != nil {
			return nil, err
		}
		url = aws.ToString(out.QueueUrl)
		p.mu.Lock()
		p.url = url
		p.mu.Unlock()
	}
	out, err := p.options.Client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url,
		MaxNumberOfMessages:         int32(min(received, p.mapping.BatchSize)),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}})
	if err != nil {
		return nil, err
	}
	return out.Messages, nil
}

// start invokes the function with a batch, when one of the slots is free.
func (p *Poller) start(ctx context.Context, messages []types.Message) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	p.running.Go(func() {
		p.deliver(ctx, messages)
		<-p.slots
		p.begin(-len(messages))
		p.Wake()
	})
}

func (p *Poller) begin(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy += n
}

func (p *Poller) tellQuiet() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy == 0 {
		close(p.quiet)
		p.quiet = make(chan struct{})
	}
}

// sleep waits for a wake-up, the interval, or the end of an open window.
func (p *Poller) sleep(ctx context.Context, window time.Duration) {
	timer := time.NewTimer(min(p.options.Interval, window))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.awake:
	case <-ctx.Done():
	}
}

// deliver invokes the function once, removes what it has processed and hides the rest for a while.
func (p *Poller) deliver(ctx context.Context, messages []types.Message) {
	failed := p.invoke(ctx, messages)
	if ctx.Err() != nil {
		return
	}
	var done, again []types.Message
	for _, m := range messages {
		if failed[aws.ToString(m.MessageId)] {
			again = append(again, m)
		} else {
			done = append(done, m)
		}
	}
	for part := range slices.Chunk(done, received) {
		p.remove(ctx, part)
	}
	for part := range slices.Chunk(again, received) {
		p.hide(ctx, part)
	}
}

func (p *Poller) remove(ctx context.Context, messages []types.Message) {
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &p.url}
	for i, m := range messages {
		in.Entries = append(in.Entries,
			types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
	}
	if _, err := p.options.Client.DeleteMessageBatch(ctx, in); err != nil {
		p.fail(ctx, "removing messages, which will be processed again", err)
	}
}

func (p *Poller) hide(ctx context.Context, messages []types.Message) {
	in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &p.url}
	for i, m := range messages {
		receives, err := strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
		if err != nil {
			receives = 1
		}
		gap := min(time.Duration(receives)*p.options.RetryDelay, longestGap)
		in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)),
			ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: int32(gap / time.Second)})
	}
	if _, err := p.options.Client.ChangeMessageVisibilityBatch(ctx, in); err != nil {
		p.fail(ctx, "hiding messages until they are tried again", err)
	}
}

// invoke runs the function on the batch, and returns the messages that failed, by ID.
func (p *Poller) invoke(ctx context.Context, messages []types.Message) map[string]bool {
	all := map[string]bool{}
	for _, m := range messages {
		all[aws.ToString(m.MessageId)] = true
	}
	payload, err := p.event(messages)
	if err != nil { // never: the event holds texts
		p.fail(ctx, "writing the event", err)
		return all
	}
	began := time.Now()
	answer, err := p.options.Invoke(ctx, p.mapping.Function, payload)
	failed := all
	if err == nil && p.mapping.ReportFailures {
		if failed, err = failures(answer, all); err == nil && len(failed) > 0 {
			err = fmt.Errorf("the function reported %d of %d messages as failed", len(failed), len(messages))
		}
	} else if err == nil {
		failed = nil
	}
	if ctx.Err() != nil {
		return all
	}
	e := runlog.Event{Kind: runlog.Invoked, Action: p.mapping.Function,
		Target: fmt.Sprintf("%d messages", len(messages)), Duration: time.Since(began)}
	if err != nil {
		e.Error = err.Error()
	}
	p.options.Events.Send(e)
	return maps.Clone(failed)
}

func (p *Poller) fail(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	p.options.Events.Send(runlog.Event{Kind: runlog.Failed, Action: p.mapping.Function, Target: p.mapping.Queue(),
		Error: what + ": " + err.Error()})
}
