package watch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/awsenv"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/emf"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/lambdalog"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/notice"
)

// handler handles invocations one at a time, as Lambda sends them to a process. Other processes may run at the same
// time; the lease in the device table lets one of them work.
type handler struct {
	config
	devices *devices
	topic   notice.TopicAPI
	log     *slog.Logger
	level   string
	out     io.Writer // metrics
	now     func() time.Time
	connect func() // opens a connection to DynamoDB
}

// newHandler does the work of a cold start: it reads the environment and creates the clients.
func newHandler(getenv func(string) string, out io.Writer) (*handler, error) {
	c, err := loadConfig(getenv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsenv.Load(getenv)
	if err != nil {
		return nil, err
	}
	tables := dynamodb.NewFromConfig(cfg)
	h := &handler{
		config: c, level: getenv("AWS_LAMBDA_LOG_LEVEL"), out: out, now: time.Now,
		devices: &devices{client: tables, table: c.table},
		topic:   sns.NewFromConfig(cfg),
		connect: func() { awsenv.ConnectTables(cfg, tables) },
	}
	h.log = lambdalog.New(out, h.level)
	return h, nil
}

// Invoke does one run. After an error, the next minute's run does what is left.
func (h *handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	clock := h.now()
	r := &run{
		handler: h, clock: clock, now: scheduled(event, clock), metrics: emf.New(h.pipeline, "watch", h.level),
		id: clock.Format(time.RFC3339Nano),
	}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		r.id = cmp.Or(lc.AwsRequestID, r.id)
	}
	r.metrics.Count("Runs", 1)
	err := r.do(ctx)
	if err != nil {
		r.metrics.Count("Failed", 1)
		h.log.ErrorContext(ctx, "run failed; the next one does what is left", "error", err.Error())
	}
	if _, printErr := r.metrics.WriteTo(h.out); printErr != nil {
		h.log.ErrorContext(ctx, "printing metrics", "error", printErr.Error())
	}
	if err != nil {
		return nil, err
	}
	return []byte("null"), nil
}

// scheduled returns the time that a run works with: the one that it was scheduled for, or this machine's if that is
// earlier. With a clock that is ahead, all devices would seem silent; one that is behind, and a run that is late, only
// make a device silent later.
func scheduled(event []byte, clock time.Time) time.Time {
	var e struct {
		ScheduledTime time.Time `json:"scheduled_time"`
	}
	if json.Unmarshal(event, &e) == nil && !e.ScheduledTime.IsZero() && e.ScheduledTime.Before(clock) {
		return e.ScheduledTime
	}
	return clock
}

// run is one invocation.
type run struct {
	*handler
	id         string    // of the invocation
	clock, now time.Time // this machine's; the one that limits are counted from
	metrics    *emf.Recorder
	state      state
	left       time.Duration // of the invocation; 0 without a deadline
}

// do holds the lease while it works. It tells of what an earlier run marked and could not tell.
func (r *run) do(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok {
		r.left = time.Until(deadline)
	}
	work, cancel := r.within(ctx, 0.9)
	defer cancel()
	free, err := r.begin(work)
	if err != nil {
		return err
	}
	if !free {
		r.metrics.Count("Skipped", 1)
		r.log.InfoContext(ctx, "another run is under way; leaving the work to it")
		return nil
	}
	err = r.work(work)
	return errors.Join(err, r.end(ctx))
}

// within returns a context for a share of the invocation's time.
func (r *run) within(ctx context.Context, share float64) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, deadline.Add(-time.Duration(float64(r.left)*(1-share))))
}

// work first tells of the devices that have returned: one that has fallen silent again since comes second.
func (r *run) work(ctx context.Context) error {
	limits, err := r.limits(ctx)
	if err != nil {
		return err
	}
	telling, done := r.within(ctx, 0.3)
	defer done()
	returned := r.tellReturned(telling)
	// Marking ends early enough to tell people what it marked; the next run marks the rest.
	marking, cancel := r.within(ctx, 0.6)
	defer cancel()
	marked, problem := r.markSilent(marking, limits)
	told := r.tellSilent(ctx, limits, marked, problem == nil)
	return errors.Join(returned, problem, told, r.count(ctx, limits))
}
