package local

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iot-pipeline/terraform-provider-iot/internal/archives"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/calls"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/dataplane"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/lambdahost"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// functionEnv is the environment that all functions share: credentials and the endpoint.
func (r *Runtime) functionEnv(ctx context.Context) ([]string, error) {
	c, err := r.options.Config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("getting the AWS credentials for functions: %w", err)
	}
	env := []string{
		"AWS_ACCESS_KEY_ID=" + c.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + c.SecretAccessKey,
		"AWS_ENDPOINT_URL_IOT_DATA_PLANE=" + r.dataplane.URL,
		"AWS_ENDPOINT_URL_LAMBDA=" + r.dataplane.URL,
	}
	if c.SessionToken != "" {
		env = append(env, "AWS_SESSION_TOKEN="+c.SessionToken)
	}
	if endpoint := r.options.Config.BaseEndpoint; endpoint != nil {
		env = append(env, "AWS_ENDPOINT_URL="+*endpoint, "AWS_ENABLE_ENDPOINT_DISCOVERY=false")
	}
	return env, nil
}

// standIn starts what functions call instead of AWS: the data plane, and an observer in front of an emulator.
func (r *Runtime) standIn() (err error) {
	if r.dataplane, err = dataplane.Start(dataplane.Options{Publish: r.publish, Update: r.shadows.Update,
		Invoke:   r.invoke,
		Call:     r.callForAnswer,
		Endpoint: aws.ToString(r.options.Config.BaseEndpoint)}); err != nil {
		return err
	}
	if r.options.Calls != nil && r.options.Config.BaseEndpoint != nil {
		r.calls, err = calls.Start(*r.options.Config.BaseEndpoint, r.options.Calls)
	}
	return err
}

// host runs the function with its deployed configuration.
func (r *Runtime) host(f function) error {
	c := f.config
	name := *c.FunctionName
	bootstrap, err := r.bootstrap(f.pipeline, name, aws.ToString(c.CodeSha256))
	if err != nil {
		return fmt.Errorf("preparing function %q: %w", name, err)
	}
	hosted := lambdahost.Function{
		Name:        name,
		ARN:         aws.ToString(c.FunctionArn),
		Bootstrap:   bootstrap,
		Handler:     aws.ToString(c.Handler),
		Env:         map[string]string{},
		MemoryMB:    aws.ToInt32(c.MemorySize),
		Timeout:     time.Duration(aws.ToInt32(c.Timeout)) * time.Second,
		LogGroup:    "/aws/lambda/" + name,
		Concurrency: r.options.Concurrency,
	}
	if c.Environment != nil {
		maps.Copy(hosted.Env, c.Environment.Variables)
	}
	if _, ok := hosted.Env[contract.EnvDataEndpoint]; ok {
		// Commands must reach the devices that are connected to this broker.
		hosted.Env[contract.EnvDataEndpoint] = r.dataplane.URL
	}
	if r.calls != nil {
		hosted.Env["AWS_ENDPOINT_URL"] = r.calls.URL(name)
	}
	if l := c.LoggingConfig; l != nil {
		hosted.LogFormat, hosted.LogLevel = string(l.LogFormat), string(l.ApplicationLogLevel)
		if l.LogGroup != nil {
			hosted.LogGroup = *l.LogGroup
		}
	}
	r.mu.Lock()
	r.async[name] = f.async
	r.mu.Unlock()
	if r.hosts.Set(hosted) {
		detail := "function " + codeName(aws.ToString(c.Handler), aws.ToString(c.CodeSha256))
		r.options.Events.Send(runlog.Event{Kind: runlog.Changed, Action: name, Detail: detail})
	}
	return nil
}

func codeName(handler, sum string) string {
	if architecture, ok := archives.FindBySHA256(sum); ok {
		return handler + " (deployed for " + architecture + ")"
	}
	return "with custom code"
}

// bootstrap finds the executable of a deployed function: the one in Options, or the one of this build whose archive has
// the deployed code's checksum. It is for this machine's architecture, whatever the deployed one is.
func (r *Runtime) bootstrap(pipeline, name, sum string) (string, error) {
	for key, path := range r.options.Bootstraps {
		if key == name || pipeline+"-"+key == name {
			return filepath.Abs(path)
		}
	}
	if _, ok := archives.FindBySHA256(sum); !ok {
		return "", fmt.Errorf("its code (CodeSha256 %s) does not belong to this build: "+
			"apply with this build of the provider, or set --function %s=PATH to its bootstrap", sum,
			strings.TrimPrefix(name, pipeline+"-"))
	}
	archive, err := archives.Lookup(hostArchitecture())
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unpacked != "" {
		return r.unpacked, nil
	}
	code, err := archive.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(r.dir, "bootstrap")
	if err := os.WriteFile(path, code, 0o755); err != nil {
		return "", err
	}
	r.unpacked = path
	return path, nil
}

// hostArchitecture is this machine's architecture, as Lambda names it.
func hostArchitecture() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}
