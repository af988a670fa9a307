package lambdahost

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/loopback"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// initLimit is how long a new process may take to request its first event, as at AWS.
const initLimit = 10 * time.Second

// errGone means that a process ended while it had no invocation.
var errGone = errors.New("the process has exited")

// An instance is one process and its Runtime API server. It runs one invocation at a time.
type instance struct {
	function Function
	options  Options
	cmd      *exec.Cmd
	server   *loopback.Server
	next     chan *invocation
	exited   chan struct{} // closed when the process has exited
	ready    chan struct{} // closed when it has requested its first event
	asked    sync.Once
	extended atomic.Bool // it has registered an extension

	mu      sync.Mutex
	current *invocation
	exit    error // the process's exit error, valid after exited
}

type invocation struct {
	id      string
	payload []byte
	done    chan Result // of size 1
}

// startInstance starts a process and its Runtime API.
func startInstance(f Function, o Options) (*instance, error) {
	i := &instance{
		function: f,
		options:  o,
		next:     make(chan *invocation),
		exited:   make(chan struct{}),
		ready:    make(chan struct{}),
	}
	var err error
	if i.server, err = loopback.Serve(i.routes()); err != nil {
		return nil, fmt.Errorf("starting its Runtime API: %w", err)
	}
	i.cmd = exec.Command(f.Bootstrap)
	i.cmd.Env = i.environment(i.server.Address)
	i.cmd.Dir = filepath.Dir(f.Bootstrap)
	output, input, err := os.Pipe()
	if err != nil {
		i.server.Close()
		return nil, fmt.Errorf("starting its process: %w", err)
	}
	i.cmd.Stdout, i.cmd.Stderr = input, input
	err = i.cmd.Start()
	input.Close() // the process holds its own copy
	if err != nil {
		i.server.Close()
		output.Close()
		return nil, fmt.Errorf("starting its process: %w", err)
	}
	go i.watch(output)
	return i, nil
}

// watch logs what the process prints and waits for its exit.
func (i *instance) watch(output *os.File) {
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		i.options.Events.Send(runlog.Event{Kind: runlog.Logged, Action: i.function.Name, Detail: lines.Text()})
	}
	io.Copy(io.Discard, output) // a line was too long
	output.Close()
	i.exit = i.cmd.Wait()
	close(i.exited)
	i.server.Close()
}

func (i *instance) environment(runtimeAPI string) []string {
	f := i.function
	env := append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=en_US.UTF-8", "TZ=:UTC"}, i.options.Env...)
	for k, v := range f.Env {
		env = append(env, k+"="+v)
	}
	env = append(env,
		"AWS_LAMBDA_RUNTIME_API="+runtimeAPI,
		"AWS_LAMBDA_FUNCTION_NAME="+f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", f.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME="+f.LogGroup,
		"AWS_LAMBDA_LOG_STREAM_NAME=iot-local/[$LATEST]",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023",
		"AWS_REGION="+i.options.Region,
		"AWS_DEFAULT_REGION="+i.options.Region,
		"LAMBDA_TASK_ROOT="+filepath.Dir(f.Bootstrap),
		"_HANDLER="+f.Handler,
	)
	if f.LogFormat == "JSON" {
		env = append(env, "AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL="+f.LogLevel)
	}
	return env
}

// invoke sends one event to the process. As at AWS, a timeout kills the process.
func (i *instance) invoke(ctx context.Context, payload []byte) (Result, error) {
	inv := &invocation{id: uuid.NewString(), payload: payload, done: make(chan Result, 1)}
	if err := i.await(ctx); err != nil {
		return i.initFailure(inv, err)
	}
	select {
	case i.next <- inv:
	case <-i.exited:
		return Result{}, errGone
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
	timer := time.NewTimer(i.function.Timeout)
	defer timer.Stop()
	select {
	case r := <-inv.done:
		return r, nil
	case <-i.exited:
		select {
		case r := <-inv.done: // it answered and then exited
			return r, nil
		default:
		}
		text := fmt.Sprintf("RequestId: %s Error: Runtime exited: %v", inv.id, i.exit)
		return failure(inv.id, "Runtime.ExitError", text), nil
	case <-timer.C:
		i.kill()
		return failure(
			inv.id,
			"Sandbox.Timedout",
			fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", inv.id, i.function.Timeout.Seconds()),
		), nil
	case <-ctx.Done():
		i.kill() // its answer must not count as one to the next event
		return Result{}, ctx.Err()
	}
}

// await waits until a new process has requested its first event.
func (i *instance) await(ctx context.Context) error {
	select {
	case <-i.ready:
		return nil
	default:
	}
	timer := time.NewTimer(initLimit)
	defer timer.Stop()
	select {
	case <-i.ready:
		return nil
	case <-i.exited:
		return fmt.Errorf("the process exited during initialization: %w", orExit0(i.exit))
	case <-timer.C:
		i.kill()
		return fmt.Errorf("the process requested no event within %v", initLimit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func orExit0(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

func (i *instance) initFailure(inv *invocation, err error) (Result, error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Result{}, err
	}
	return failure(inv.id, "Runtime.InitError", err.Error()), nil
}

func failure(id, kind, text string) Result {
	body, _ := json.Marshal(map[string]string{"errorType": kind, "errorMessage": text}) // two strings always marshal
	return Result{RequestID: id, Payload: body, FunctionError: "Unhandled"}
}

func (i *instance) alive() bool {
	select {
	case <-i.exited:
		return false
	default:
		return true
	}
}

// stopLimit is how long a process with an internal extension has to end. [Lambda runtime environment lifecycle]
const stopLimit = 500 * time.Millisecond

// stop ends a process that has no invocation.
func (i *instance) stop() {
	if !i.extended.Load() || i.cmd.Process.Signal(syscall.SIGTERM) != nil {
		i.kill()
		return
	}
	go func() {
		timer := time.NewTimer(stopLimit)
		defer timer.Stop()
		select {
		case <-i.exited:
		case <-timer.C:
			i.kill()
		}
	}()
}

func (i *instance) kill() { i.cmd.Process.Kill() } // an error means that it has exited already
