package local

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/alarms"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/broker"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/ca"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/calls"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/dataplane"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/delivery"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/embedded"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/failuredest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/httpapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/lambdahost"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/provisioning"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/queues"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/registry"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/rules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/schedules"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/shadow"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/streams"
)

// Options say which pipeline to run, and where.
type Options struct {
	// Config is the AWS account and region; with a BaseEndpoint, any AWS-compatible endpoint.
	Config aws.Config
	// Pipeline is the pipeline's name; "" with All.
	Pipeline string
	// All runs every pipeline of the account in the region, as AWS does: one broker, whose rules and policies are those
	// of all of them. Pipelines that are applied or destroyed later come and go.
	All bool
	// MQTTAddr is where the broker listens; "" means 127.0.0.1:8883, and port 0 lets the kernel choose.
	MQTTAddr string
	// HTTPAddr is where the device management API is served; "" serves none, and port 0 lets the kernel choose.
	HTTPAddr string
	// Issuers are the authorities of the servers whose tokens the API takes; nil means the system's.
	Issuers *x509.CertPool
	// Hosts are additional names and addresses of this machine, for the broker's certificate and for HTTP.
	Hosts []string
	// StateDir keeps the local certificate authority; "" means iot-local in the user's cache directory.
	StateDir string
	// Bootstraps are executables for functions, by the function's full name or its short one ("processor").
	Bootstraps map[string]string
	// Events receives the log; it may be nil.
	Events runlog.Sink
	// Calls receives the AWS calls of the functions, at an emulator; nil leaves the functions alone.
	Calls func(calls.Call)
	// Refresh is how often the runtime checks for changed rules and functions; 0 means every 2 seconds.
	Refresh time.Duration
	// Concurrency is the maximum number of processes per function; 0 means 4.
	Concurrency int
	// RetryDelay is the wait before the first retry of asynchronous invocations; 0 means one second.
	RetryDelay time.Duration
	// WatchInterval is how often schedules call their functions; 0 means as often as on AWS.
	WatchInterval time.Duration
	// ArchiveInterval is how long delivery streams collect records for an object; 0 means delivery.DefaultInterval.
	ArchiveInterval time.Duration
}

// A Runtime is a pipeline that runs on this machine.
type Runtime struct {
	options   Options
	clients   *awsapi.Clients
	authority *ca.Authority
	dir       string // for unpacked functions

	broker       *broker.Broker
	engine       *rules.Engine
	shadows      *shadow.Service
	provisioning *provisioning.Service
	dataplane    *dataplane.Server
	calls        *calls.Server // nil without an observer
	hosts        *lambdahost.Host
	known        map[string]*Manifest // of all pipelines, as last read; only refresh uses it
	queue        *lambdahost.Async
	schedules    *schedules.Player
	alarms       *alarms.Player   // nil on AWS
	http         *httpapi.Server  // nil if none is wanted
	metrics      *embedded.Player // nil on AWS
	ready        chan struct{}    // closed when the rules are loaded, or by close
	stop         context.CancelFunc
	stopOnce     sync.Once
	running      sync.WaitGroup

	switching sync.Mutex // held while pollers are replaced

	mu         sync.Mutex
	async      map[string]lambdahost.AsyncConfig
	unpacked   string // the path of the functions' bootstrap, once it is needed
	current    *deployment
	pollers    map[string]*streams.Poller  // by the mapping's UUID
	queues     map[string]*queues.Poller   // by the mapping's UUID
	direct     map[string]*delivery.Direct // what is put to deliveries, by name
	deliveries map[string]*delivery.Stream // by name
	reported   map[string]string           // the last problem reported by each step of a refresh
}

// Start finds the pipeline and runs it. It returns when devices can connect.
func Start(ctx context.Context, o Options) (*Runtime, error) {
	if o.MQTTAddr == "" {
		o.MQTTAddr = "127.0.0.1:8883"
	}
	if o.Refresh == 0 {
		o.Refresh = 2 * time.Second
	}
	r := &Runtime{
		options:    o,
		clients:    awsapi.NewLocal(o.Config),
		async:      map[string]lambdahost.AsyncConfig{},
		pollers:    map[string]*streams.Poller{},
		queues:     map[string]*queues.Poller{},
		direct:     map[string]*delivery.Direct{},
		deliveries: map[string]*delivery.Stream{},
		reported:   map[string]string{},
		current:    &deployment{},
		ready:      make(chan struct{}),
		stop:       func() {},
	}
	if err := r.start(ctx); err != nil {
		r.close()
		return nil, fmt.Errorf("running %s: %w", r.what(), err)
	}
	return r, nil
}

// what names what runs, for errors.
func (r *Runtime) what() string {
	if r.options.All {
		return "all pipelines"
	}
	return fmt.Sprintf("pipeline %q", r.options.Pipeline)
}

func (r *Runtime) start(ctx context.Context) error {
	if r.options.All == (r.options.Pipeline != "") {
		return errors.New("give the name of one pipeline, or run all")
	}
	if !r.options.All { // all of none is none, and some may come
		if _, err := ReadManifest(ctx, r.clients, r.options.Pipeline); err != nil {
			return err
		}
	}
	account, err := r.clients.STS().GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return fmt.Errorf("getting the caller's account: %w", err)
	}
	if r.dir, err = os.MkdirTemp("", "iot-local-"); err != nil {
		return err
	}
	// The engine and the broker need each other: rules publish, and published messages go through the rules.
	r.engine = rules.New(rules.Options{
		Clients:     r.clients,
		Credentials: r.options.Config.Credentials,
		AccountID:   *account.Account,
		Publish:     r.publish,
		Invoke:      r.invoke,
		Call:        r.call,
		Stored:      r.wake,
		Sent:        r.wakeQueue,
		Deliver:     r.putDirect,
		Events:      r.options.Events,
	})
	r.shadows = shadow.New(awsapi.IoTDataClient(r.clients), r.publish, r.options.Events)
	r.provisioning = provisioning.New(
		provisioning.Options{API: awsapi.IoTClient(r.clients), Hook: r.call, Reply: r.reply, Events: r.options.Events},
	)
	if err := r.standIn(); err != nil {
		return err
	}
	r.metrics = r.playMetrics()
	env, err := r.functionEnv(ctx)
	if err != nil {
		return err
	}
	r.hosts = lambdahost.New(lambdahost.Options{Region: r.options.Config.Region, Env: env, Events: r.heard})
	r.queue = lambdahost.NewAsync(lambdahost.AsyncOptions{
		Host:       r.hosts,
		Config:     r.asyncConfig,
		Events:     r.options.Events,
		RetryDelay: r.options.RetryDelay,
		Send:       r.sendAsync,
	})
	r.schedules, r.alarms = r.newSchedules(), r.playAlarms()
	if err := r.listen(); err != nil {
		return err
	}
	if err := r.serve(ctx, account); err != nil {
		return err
	}
	if err := r.refresh(ctx); err != nil {
		return err
	}
	r.announce()
	return nil
}

func (r *Runtime) newSchedules() *schedules.Player {
	return schedules.New(
		schedules.Options{Invoke: r.invoke, Interval: r.options.WatchInterval, Events: r.options.Events})
}

// playMetrics puts what functions count into a local CloudWatch; nil on AWS.
func (r *Runtime) playMetrics() *embedded.Player {
	if r.options.Config.BaseEndpoint == nil {
		return nil
	}
	return embedded.Start(awsapi.CloudWatchClient(r.clients), 0, r.options.Events)
}

// heard logs what functions print, and takes their metrics from it. On AWS, CloudWatch would bill for metrics that do
// not come from there.
func (r *Runtime) heard(e runlog.Event) {
	if e.Kind == runlog.Logged {
		r.metrics.Read(e.Detail)
	}
	r.options.Events.Send(e)
}

// announce says that the pipeline runs, and follows its changes from here on.
func (r *Runtime) announce() {
	close(r.ready)
	names := "no pipeline yet, waiting for the first apply"
	switch n := len(r.current.pipelines); {
	case n == 1:
		names = "pipeline " + r.current.pipelines[0]
	case n > 1:
		names = "pipelines " + strings.Join(r.current.pipelines, ", ")
	}
	detail := fmt.Sprintf("%s: %d rules, %d functions; MQTT on %s, CA %s", names,
		len(r.current.rules), len(r.hosts.Names()), r.MQTTAddr(), r.CAPath())
	for _, template := range r.current.templates {
		detail += "; devices register with template " + template
	}
	detail += r.describeAPI() + r.describeEndpoint()
	background, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	r.running.Go(func() { r.follow(background) })
	r.options.Events.Send(runlog.Event{Kind: runlog.Ready, Detail: detail})
}

// listen starts the broker.
func (r *Runtime) listen() error {
	dir, err := r.stateDir()
	if err != nil {
		return err
	}
	if r.authority, err = ca.Open(dir); err != nil {
		return err
	}
	certificate, err := r.authority.Server(append([]string{"localhost", "127.0.0.1", "::1"}, r.options.Hosts...)...)
	if err != nil {
		return err
	}
	r.broker, err = broker.Start(broker.Options{
		Address:     r.options.MQTTAddr,
		Certificate: certificate,
		Authorizer:  registry.New(awsapi.IoTClient(r.clients)),
		Events:      r.options.Events,
		Handle: func(m message.Message) {
			<-r.ready // a device that reconnects immediately must not publish before the rules are loaded
			if r.provisioning.Handle(m) {
				return
			}
			r.shadows.Handle(m)
			r.engine.Handle(m)
		},
	})
	return err
}

// stateDir is the directory for what outlives a run.
func (r *Runtime) stateDir() (string, error) {
	if r.options.StateDir != "" {
		return r.options.StateDir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a directory for the local certificate authority: %w", err)
	}
	return filepath.Join(cache, "iot-local"), nil
}

// MQTTAddr is where the broker listens, as host:port.
func (r *Runtime) MQTTAddr() string { return r.broker.Address() }

// CAPath is the file with the certificate that devices must trust.
func (r *Runtime) CAPath() string { return r.authority.Path }

// Authority is the local certificate authority.
func (r *Runtime) Authority() *ca.Authority { return r.authority }

// publish sends a message as AWS itself would, to subscribers and rules.
func (r *Runtime) publish(m message.Message) error { return r.broker.Publish(m) }

// reply answers the connection that sent the request.
func (r *Runtime) reply(session string, m message.Message) error { return r.broker.Reply(session, m) }

func (r *Runtime) asyncConfig(name string) lambdahost.AsyncConfig {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.async[name]
}

// functionName is the name in a function's ARN, without version or alias.
func functionName(arn string) string {
	if _, rest, ok := strings.Cut(arn, ":function:"); ok {
		arn = rest
	}
	name, _, _ := strings.Cut(arn, ":")
	return name
}

func (r *Runtime) invoke(ctx context.Context, functionARN string, payload []byte) error {
	return r.queue.Invoke(ctx, functionName(functionARN), payload)
}

// call runs a function and returns its answer; a failure of the function is an error.
func (r *Runtime) call(ctx context.Context, functionARN string, payload []byte) ([]byte, error) {
	result, err := r.hosts.Invoke(ctx, functionName(functionARN), payload)
	if problem := lambdahost.Problem(result, err); problem != "" {
		return nil, errors.New(problem)
	}
	return result.Payload, nil
}

// callForAnswer runs a function and returns what Lambda's Invoke answers.
func (r *Runtime) callForAnswer(ctx context.Context, function string, payload []byte) ([]byte, bool, error) {
	result, err := r.hosts.Invoke(ctx, functionName(function), payload)
	return result.Payload, result.FunctionError != "", err
}

// sendAsync delivers the failure record of an asynchronous invocation.
func (r *Runtime) sendAsync(ctx context.Context, to string, record []byte) error {
	key := "aws/lambda/async/" + time.Now().UTC().Format("2006/01/02/2006-01-02T15.04.05.000000000")
	return r.send(ctx, to, key, record)
}

// send delivers a failure record.
func (r *Runtime) send(ctx context.Context, to, key string, record []byte) error {
	return failuredest.New(r.clients).Send(ctx, to, key, record)
}

// wake makes the pollers of a stream read its new records.
func (r *Runtime) wake(stream string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.current.mappings {
		if p := r.pollers[m.UUID]; p != nil && strings.HasSuffix(m.StreamARN, ":stream/"+stream) {
			p.Wake()
		}
	}
	for _, s := range r.deliveries {
		if strings.HasSuffix(s.SourceARN(), ":stream/"+stream) {
			s.Wake()
		}
	}
}

// Drain returns once everything published before the call has been processed: by rules, streams and functions,
// including the messages that these published.
func (r *Runtime) Drain(ctx context.Context) error {
	if err := r.provisioning.Wait(ctx); err != nil {
		return fmt.Errorf("waiting for device registrations: %w", err)
	}
	for range 2 { // a function's command may match a rule
		if err := r.engine.Wait(ctx); err != nil {
			return fmt.Errorf("waiting for the rules: %w", err)
		}
		if err := r.drainStreams(ctx); err != nil {
			return fmt.Errorf("draining the streams: %w", err)
		}
		if err := r.queue.Wait(ctx); err != nil {
			return fmt.Errorf("waiting for the functions: %w", err)
		}
	}
	return nil
}

// drainStreams drains every poller and delivery stream, including those with which a refresh replaces others meanwhile.
func (r *Runtime) drainStreams(ctx context.Context) error {
	for {
		again := false
		var readers []interface{ Drain(context.Context) error }
		for _, p := range r.readers() {
			readers = append(readers, p)
		}
		for _, p := range r.queueReaders() {
			readers = append(readers, p)
		}
		for _, s := range r.playing() {
			readers = append(readers, s)
		}
		for _, reader := range readers {
			switch err := reader.Drain(ctx); {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, streams.ErrStopped), errors.Is(err, queues.ErrStopped):
				again = true
			case err != nil:
				return err
			}
		}
		if !again {
			return nil
		}
	}
}

// readers returns the pollers; it waits while a refresh replaces some.
func (r *Runtime) readers() []*streams.Poller {
	r.switching.Lock()
	defer r.switching.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Values(r.pollers))
}

// Stop disconnects the devices, processes what they have published until the context ends, and stops everything.
func (r *Runtime) Stop(ctx context.Context) error {
	r.stopServing(ctx)
	r.broker.Close()
	err := r.Drain(ctx)
	r.close()
	if err != nil {
		return fmt.Errorf("stopping %s with messages unfinished: %w", r.what(), err)
	}
	return nil
}

// close stops whatever has been started.
func (r *Runtime) close() {
	r.stopOnce.Do(func() {
		r.stop()
		r.running.Wait()
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		r.stopServing(ended)
		select {
		case <-r.ready:
		default:
			close(r.ready)
		}
		if r.broker != nil {
			r.broker.Close()
		}
		r.schedules.Close()
		pollers, deliveries := r.readers(), r.playing()
		r.mu.Lock()
		clear(r.pollers) // before they stop, or a drain would wait for their replacements
		clear(r.deliveries)
		r.mu.Unlock()
		for _, p := range pollers {
			p.Stop()
		}
		r.stopQueues()
		for _, s := range deliveries {
			s.Stop()
		}
		if r.provisioning != nil {
			r.provisioning.Close()
		}
		if r.queue != nil {
			r.queue.Close()
		}
		if r.hosts != nil {
			r.hosts.Close()
		}
		r.metrics.Close()
		if r.engine != nil {
			r.engine.Close()
		}
		if r.shadows != nil {
			r.shadows.Close()
		}
		if r.dataplane != nil {
			r.dataplane.Close()
		}
		r.calls.Close()
		os.RemoveAll(r.dir)
	})
}
