package processor

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/deadletter"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/awsenv"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/emf"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/lambdalog"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
)

// concurrency limits the concurrent calls, over all stores.
const concurrency = awsenv.Connections

// processor handles invocations one at a time, as Lambda sends them to a process.
type processor struct {
	config
	history     *history  // nil without Timestream
	devices     *devices  // nil without a device table
	recent      *recent   // nil without a table of recent readings
	series      *series   // nil without InfluxDB
	commands    *commands // nil without a table of commands
	alerts      *alerts   // nil if a topic rule looks for alerts
	deadLetters *deadletter.Sender
	connect     func() // opens a connection to DynamoDB; nil without a table
	// decoders has one decoder per processor; Lambda gives a function up to six.
	decoders []decoder
	log      *slog.Logger
	level    string
	out      io.Writer // metrics
	now      func() time.Time
}

// newProcessor does the work of a cold start: it reads the environment and creates the clients.
func newProcessor(getenv func(string) string, out io.Writer) (*processor, error) {
	c, err := loadConfig(getenv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsenv.Load(getenv)
	if err != nil {
		return nil, err
	}
	p := &processor{
		config:      c,
		deadLetters: newSender(c, cfg),
		level:       getenv("AWS_LAMBDA_LOG_LEVEL"),
		out:         out,
		now:         time.Now,
	}
	p.log = lambdalog.New(out, p.level)
	for range runtime.GOMAXPROCS(0) {
		d, err := newDecoder(c)
		if err != nil {
			return nil, err
		}
		p.decoders = append(p.decoders, d)
	}
	if c.table != "" {
		p.history = newHistory(c, cfg)
	}
	if c.influx != nil {
		p.series = newSeries(c, cfg)
	}
	if c.deviceTable == "" && c.readingsTable == "" && c.commandsTable == "" {
		return p, nil
	}
	tables := dynamodb.NewFromConfig(cfg)
	if c.deviceTable != "" {
		p.devices = &devices{client: tables, table: c.deviceTable, ttl: c.deviceTTL, slot: c.slot,
			refresh: newRefresh(c.refresh), log: p.log}
	}
	if c.alertsFunction != "" {
		p.alerts = &alerts{invoker: awslambda.NewFromConfig(cfg), rules: tables, function: c.alertsFunction,
			table: c.deviceTable, prefix: c.topicPrefix, log: p.log}
	}
	if c.commandsTable != "" {
		p.commands = &commands{client: tables, table: c.commandsTable}
	}
	if c.readingsTable != "" {
		p.recent = &recent{client: tables, table: c.readingsTable, keep: c.readingsKeep,
			requestBytes: maxRequestBytes}
	}
	p.connect = func() { awsenv.ConnectTables(cfg, tables) }
	return p, nil
}

// Invoke handles one batch. It returns an error only if the event is not a batch at all; everything else is in the
// response.
func (p *processor) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	records, err := stream.Parse(event)
	if err != nil {
		return nil, err
	}
	metrics := emf.New(p.pipeline, "processor", p.level)
	b := newBatch(records, p.now())
	stores, letters, cancel := phases(ctx, b.now)
	defer cancel()

	if stores.Err() != nil {
		p.log.WarnContext(ctx, "deadline reached; returning the batch to Lambda", "records", len(records))
		b.failAll(stores.Err())
	} else {
		p.decode(ctx, b, metrics)
		p.store(stores, b)
		p.deliver(letters, b, metrics)
	}
	return p.answer(ctx, b, metrics), nil
}

// phases divides the rest of the invocation. The stores' calls end early enough to send dead letters, and these end
// early enough to respond, because an invocation that times out loses its partial response.
func phases(ctx context.Context, now time.Time) (stores, letters context.Context, cancel func()) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, ctx, func() {}
	}
	reserve := min(max(deadline.Sub(now)/10, 100*time.Millisecond), 2*time.Second)
	letters, cancelLetters := context.WithDeadline(ctx, deadline.Add(-reserve))
	stores, cancelStores := context.WithDeadline(letters, deadline.Add(-2*reserve))
	return stores, letters, func() { cancelStores(); cancelLetters() }
}

// store writes to all stores at the same time, and returns when every call has ended. The calls report to the batch,
// record by record.
func (p *processor) store(ctx context.Context, b *batch) {
	var w work
	order := byDevice(b)
	p.commands.store(ctx, b, &w)
	p.alerts.store(ctx, b, &w)
	if p.history != nil {
		p.history.store(ctx, b, order, &w)
	}
	if p.devices != nil {
		p.devices.store(ctx, b, order, &w)
	}
	if p.recent != nil {
		p.recent.store(ctx, b, order, &w)
	}
	if p.series != nil {
		p.series.store(ctx, b, order, &w)
	}
	w.do()
}

// work is a list of calls, run with limited concurrency.
type work []func()

// do makes the calls and waits for them. Each worker makes many calls, so the stack that the SDK's middleware needs
// grows once per worker, not once per call.
func (w work) do() {
	var (
		next    atomic.Int64
		workers sync.WaitGroup
	)
	for range min(concurrency, len(w)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(w)); i = next.Add(1) - 1 {
				w[i]()
			}
		})
	}
	workers.Wait()
}

// answer logs and counts what happened and returns the partial batch response.
func (p *processor) answer(ctx context.Context, b *batch, metrics *emf.Recorder) []byte {
	returned := b.returned()
	stored := make([]int64, 0, len(b.records))
	now, next := p.now(), 0
	for i := range b.records {
		if next < len(returned) && returned[next] == i {
			next++
		} else if _, rejected := b.rejected[i]; !rejected {
			stored = append(stored, now.UnixMilli()-b.records[i].ArrivalMillis)
		}
	}
	metrics.Count(contract.StoredMetric, len(stored))
	if b.strangers > 0 {
		metrics.Count("UnknownClients", b.strangers)
	}
	metrics.Count(contract.RetriedMetric, len(returned))
	if len(stored) > 0 {
		metrics.Millis(contract.LatencyMetric, stored)
	}
	if _, err := metrics.WriteTo(p.out); err != nil {
		p.log.ErrorContext(ctx, "printing metrics", "error", err.Error())
	}
	if len(returned) == 0 {
		return stream.Done()
	}
	first := &b.records[returned[0]]
	p.log.WarnContext(ctx, "returning records to Lambda", "from_sequence_number", first.SequenceNumber,
		"records", len(returned), "failed", len(b.failed),
		"error", cmp.Or(b.failed[returned[0]], errors.New("unknown")).Error())
	if !b.queued {
		return stream.FailedFrom(first.SequenceNumber)
	}
	messages := make([]string, len(returned))
	for n, i := range returned {
		messages[n] = b.records[i].MessageID
	}
	return stream.FailedEach(messages)
}
