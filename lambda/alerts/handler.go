package alerts

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/deadletter"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/awsenv"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/emf"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/lambdalog"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/notice"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// deviceAPI is the part of the IoT data client that the alert handler uses.
type deviceAPI interface {
	Publish(context.Context, *iotdataplane.PublishInput,
		...func(*iotdataplane.Options)) (*iotdataplane.PublishOutput, error)
}

// handler handles invocations one at a time, as Lambda sends them to a process.
type handler struct {
	config
	rules       *rulebook
	decoder     *telemetry.Decoder
	cooldowns   *cooldowns
	topic       notice.TopicAPI
	device      deviceAPI
	deadLetters *deadletter.Sender
	log         *slog.Logger
	level       string
	out         io.Writer // metrics
	now         func() time.Time
	connect     func() // opens a connection to DynamoDB
}

// newHandler does the work of a cold start: it reads the environment and creates the clients. The first event reads the
// rules.
func newHandler(getenv func(string) string, out io.Writer) (*handler, error) {
	c, err := loadConfig(getenv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsenv.Load(getenv)
	if err != nil {
		return nil, err
	}
	decoder, err := telemetry.New(c.telemetry)
	if err != nil {
		return nil, err
	}
	h := &handler{config: c, decoder: decoder, level: getenv("AWS_LAMBDA_LOG_LEVEL"), out: out, now: time.Now}
	h.log = lambdalog.New(out, h.level)
	table := dynamodb.NewFromConfig(cfg)
	h.rules = &rulebook{
		client: table, table: c.table, devices: map[string]copied[map[string]json.RawMessage]{},
		now: func() time.Time { return h.now() },
		warn: func(ctx context.Context, err error) {
			h.log.WarnContext(ctx, "problem with alert rules or thresholds", "error", err.Error())
		},
	}
	h.connect = func() { awsenv.ConnectTables(cfg, table) }
	h.cooldowns = &cooldowns{client: table, table: c.table}
	h.topic = sns.NewFromConfig(cfg)
	h.device = iotdataplane.NewFromConfig(cfg, func(o *iotdataplane.Options) {
		if c.dataEndpoint != "" {
			o.BaseEndpoint = aws.String(c.dataEndpoint)
		}
	})
	h.deadLetters = &deadletter.Sender{
		Queue: sqs.NewFromConfig(cfg, deadletter.TrustTransport), QueueURL: c.queueURL,
		Objects: func() deadletter.BucketAPI {
			return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil })
		},
		Bucket: c.bucket, Prefix: c.bucketPrefix,
	}
	return h, nil
}

// Invoke handles one message. After an error, Lambda retries the event and finally puts it into the on-failure queue.
// An event that can never succeed goes to the dead-letter queue at once.
func (h *handler) Invoke(ctx context.Context, text []byte) ([]byte, error) {
	ctx, cancel := withReserve(ctx, h.now())
	defer cancel()
	metrics := emf.New(h.pipeline, "alerts", h.level)
	metrics.Count(contract.ReceivedMetric, 1)
	err := h.handle(ctx, text, metrics)
	if err != nil {
		metrics.Count("Failed", 1)
		h.log.ErrorContext(ctx, "invocation failed; Lambda will retry the event", "error", err.Error())
	}
	if _, printErr := metrics.WriteTo(h.out); printErr != nil {
		h.log.ErrorContext(ctx, "printing metrics", "error", printErr.Error())
	}
	if err != nil {
		return nil, err
	}
	return []byte("null"), nil
}

// withReserve ends calls early enough to report what failed.
func withReserve(ctx context.Context, now time.Time) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, deadline.Add(-min(max(deadline.Sub(now)/10, 100*time.Millisecond), time.Second)))
}

func (h *handler) handle(ctx context.Context, text []byte, metrics *emf.Recorder) error {
	if a, ok := parseAlarm(text); ok {
		return h.alarm(ctx, &a, metrics)
	}
	e, err := parseEvent(text, h.now())
	if err != nil {
		return h.refuse(ctx, &e, text, err, metrics)
	}
	h.log.DebugContext(ctx, "message", "thing", e.thing, "topic", e.topic, "payload", string(e.payload))
	rules, broken, err := h.rules.current(ctx)
	if err != nil {
		return err
	}
	thresholds, err := h.rules.thresholds(ctx, e.thing)
	if err != nil {
		return err
	}
	views, err := h.open(&e, thresholds)
	var unreadable *telemetry.Error
	if errors.As(err, &unreadable) {
		metrics.CountReason("Unreadable", string(unreadable.Reason), 1) // the processor makes a dead letter of it
		return nil
	}
	if err != nil {
		return err
	}
	for _, err := range broken {
		metrics.Count("BrokenRules", 1)
		h.log.ErrorContext(ctx, "cannot evaluate alert rule", "error", err.Error())
	}
	metrics.Count("Accepted", 1)
	var problems []error
	for i := range rules {
		if err := h.decide(ctx, &rules[i], views, metrics); err != nil {
			problems = append(problems, err)
		}
	}
	if unreadable := (*telemetry.Error)(nil); errors.As(views.err, &unreadable) {
		metrics.CountReason("Unreadable", string(unreadable.Reason), 1)
	}
	return errors.Join(problems...)
}

// refuse sends an event that can never succeed to the dead-letter queue. If that fails, the error makes Lambda keep the
// event.
func (h *handler) refuse(ctx context.Context, e *event, text []byte, why error, metrics *emf.Recorder) error {
	metrics.CountReason(contract.RejectedMetric, "invalid_event", 1)
	h.log.WarnContext(ctx, "event cannot be processed; sending it to the dead-letter queue", "thing", e.thing, "topic",
		e.topic, "detail", why.Error())
	err := h.deadLetters.Send(ctx, deadletter.Letter{
		Pipeline: h.pipeline, Source: "alerts", Thing: e.thing, Topic: e.topic, ArrivedAt: e.receivedAt,
		SequenceNumber: requestID(ctx), Payload: text, Reason: "invalid_event", Detail: why.Error(),
	})
	if err == nil {
		metrics.Count(contract.DeadLettersMetric, 1)
	}
	return err
}

// requestID returns the ID of the invocation, which retries of an asynchronous event share.
func requestID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return lc.AwsRequestID
	}
	return ""
}

// decide evaluates one rule and acts on the result. Of several readings, the first for which the condition holds raises
// the alert; the last one decides whether it is over.
func (h *handler) decide(ctx context.Context, r *rule, message *views, metrics *emf.Recorder) error {
	views, err := message.of(ctx, r)
	if err != nil {
		return fmt.Errorf("reading a message for alert rule %q: %w", r.name, err)
	}
	for i := range views {
		holds, err := r.holds.Eval(ctx, views[i].message)
		if err != nil {
			return fmt.Errorf("evaluating alert rule %q: %w", r.name, err)
		}
		if holds {
			if err := h.raise(ctx, r, &views[i], metrics); err != nil {
				return err
			}
			break
		}
	}
	if r.holdsNot == nil {
		return nil
	}
	last := &views[len(views)-1]
	over, err := r.holdsNot.Eval(ctx, last.message)
	if err != nil {
		return fmt.Errorf("evaluating alert rule %q: %w", r.name, err)
	}
	if over {
		return h.resolve(ctx, r, last, metrics)
	}
	return nil
}

// raise announces an alert unless its cooldown is running: to people first, then to the device.
func (h *handler) raise(ctx context.Context, r *rule, v *view, metrics *emf.Recorder) error {
	e := v.event
	remembered := r.cooldown > 0 || r.notifyResolved
	request := cmp.Or(requestID(ctx), e.traceID, e.receivedAt.Format(notice.TimeForm))
	if e.inStream { // a batch that the processor repeats comes as another request
		request = "record " + e.traceID
	}
	suppressed := 0
	if remembered {
		claim, err := h.cooldowns.claim(ctx, r, e.thing, request, h.now())
		if err != nil {
			return err
		}
		if !claim.granted {
			metrics.Count(contract.SuppressedMetric, 1)
			return nil
		}
		suppressed = claim.suppressed
	}
	n := newNotice(h.pipeline, r, v, h.decoder)
	n.State, n.Suppressed = notice.Alert, suppressed
	n.Message = h.render(ctx, r, v.message)
	if err := notice.Publish(ctx, h.topic, h.topicARN, n); err != nil {
		return err
	}
	metrics.CountReason(contract.AlertsMetric, r.severity, 1)
	metrics.Millis(contract.LatencyMetric, []int64{e.received(h.now())})
	h.log.InfoContext(ctx, "alert", "rule", r.name, "severity", r.severity, "thing", e.thing, "suppressed_before",
		suppressed)
	if err := h.command(ctx, r, e, v.message, metrics); err != nil {
		return err
	}
	if remembered {
		return h.cooldowns.announced(ctx, r, e.thing, request, suppressed)
	}
	return nil
}

// resolve announces that the condition is no longer true, if it was announced as true. It announces first and records
// afterwards, so that a failure in between repeats the notice instead of losing it.
func (h *handler) resolve(ctx context.Context, r *rule, v *view, metrics *emf.Recorder) error {
	e := v.event
	active, err := h.cooldowns.isActive(ctx, r, e.thing)
	if err != nil || !active {
		return err
	}
	n := newNotice(h.pipeline, r, v, h.decoder)
	n.State, n.Message = notice.Resolved, h.render(ctx, r, v.message)
	if err := notice.Publish(ctx, h.topic, h.topicARN, n); err != nil {
		return err
	}
	metrics.Count(contract.ResolvedMetric, 1)
	h.log.InfoContext(ctx, "alert resolved", "rule", r.name, "severity", r.severity, "thing", e.thing)
	return h.cooldowns.resolved(ctx, r, e.thing)
}
