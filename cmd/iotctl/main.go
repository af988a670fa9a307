// Command iotctl operates a deployed iot_pipeline: it does from a shell what the provider's actions do from Terraform.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/internal/operate"
)

const usage = `iotctl operates a deployed iot_pipeline.

  iotctl pipelines [flags]                 list the pipelines of a region
  iotctl devices PIPELINE [flags]          list devices with their status
  iotctl send PIPELINE PAYLOAD [flags]     send a command to devices
  iotctl pause PIPELINE [RULE...] [flags]  switch its rules off: messages that arrive are lost until resume
  iotctl resume PIPELINE [RULE...] [flags] switch its rules on
  iotctl redrive PIPELINE [flags]          send its dead letters again
  iotctl rotate PIPELINE STEP [flags]      rotate certificates: the step issue, later the step retire
  iotctl migrate PIPELINE STATE [flags]    write the configuration that takes over hand-written aws_iot_* resources:
                                           STATE is a file from "terraform show -json", or - for standard input
  iotctl smoke-test PIPELINE [flags]       send one message, and wait until it is stored and archived

"iotctl COMMAND -h" lists the flags. AWS credentials and the region come from the environment, as for every AWS tool.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "iotctl: "+err.Error())
		os.Exit(1)
	}
}

// command is one subcommand with its flags.
type command struct {
	*flag.FlagSet
	out        io.Writer
	region     string
	status     string
	attributes pairs
	tags       pairs
	devices    list
	all, dry   bool
	redriving
	smoke operate.Smoke
}

// dispatch runs one subcommand. Tests call it in place of main.
func dispatch(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
		fmt.Fprint(out, usage)
		return nil
	}
	run := map[string]func(*command, context.Context, []string) error{
		"pipelines": (*command).listPipelines, "devices": (*command).listDevices, "send": (*command).send,
		"pause":   func(c *command, ctx context.Context, a []string) error { return c.setRules(ctx, a, false) },
		"resume":  func(c *command, ctx context.Context, a []string) error { return c.setRules(ctx, a, true) },
		"redrive": (*command).redrive, "smoke-test": (*command).smokeTest, "rotate": (*command).rotate,
		"migrate": (*command).migrate,
	}[args[0]]
	if run == nil {
		return fmt.Errorf("unknown command %q; the commands are pipelines, devices, send, pause, resume, "+
			"redrive, rotate, migrate and smoke-test", args[0])
	}
	c := &command{FlagSet: flag.NewFlagSet(args[0], flag.ContinueOnError), out: out, attributes: pairs{}, tags: pairs{}}
	c.SetOutput(out)
	c.StringVar(&c.region, "region", "", "AWS `region` (default: that of the environment)")
	c.filters()
	names, err := c.parse(args[1:])
	if err != nil {
		return err
	}
	return run(c, ctx, names)
}

// filters adds the flags that only some commands have.
func (c *command) filters() {
	switch c.Name() {
	case "pipelines":
		c.Var(c.tags, "tag", "only pipelines with the tag `KEY=VALUE`; can be repeated")
	case "redrive":
		c.redriveFlags()
	case "rotate":
		c.rotateFlags()
	case "migrate":
		c.migrateFlags()
	case "smoke-test":
		c.smokeFlags()
	case "send":
		c.Var(&c.devices, "device", "`name` of a device that gets the command; can be repeated")
		c.BoolVar(&c.all, "all", false, "send to all devices")
		c.BoolVar(&c.dry, "dry-run", false, "only say which devices would get the command")
		fallthrough
	case "devices":
		c.StringVar(&c.status, "status", "", "only devices with the `status` "+strings.Join(deployed.Statuses, ", "))
		c.Var(c.attributes, "attribute", "only devices with the attribute `KEY=VALUE`; can be repeated")
	}
}

// parse accepts flags before, between and after names, and returns the names.
func (c *command) parse(args []string) (names []string, err error) {
	for {
		if err := c.Parse(args); err != nil {
			return nil, err
		}
		if c.NArg() == 0 {
			return names, nil
		}
		names, args = append(names, c.Arg(0)), c.Args()[1:]
	}
}

func (c *command) connect(ctx context.Context) (*awsapi.Clients, error) {
	// An emulator has no host names for buckets.
	emulated := os.Getenv("AWS_ENDPOINT_URL") != "" || os.Getenv("AWS_ENDPOINT_URL_S3") != ""
	clients, warnings, err := awsapi.Connect(ctx,
		awsapi.Settings{Region: c.region, UserAgent: "iotctl", S3UsePathStyle: emulated})
	for _, w := range warnings {
		fmt.Fprintln(c.out, "warning:", w)
	}
	return clients, err
}

// find connects and finds the pipeline that the first name names; it returns the other names.
func (c *command) find(ctx context.Context, names []string) (*deployed.Pipeline, []string, error) {
	if len(names) == 0 {
		return nil, nil, fmt.Errorf("missing pipeline name: iotctl %s PIPELINE", c.Name())
	}
	clients, err := c.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	p, err := deployed.Find(ctx, clients, names[0])
	return p, names[1:], err
}

func (c *command) tell(message string) { fmt.Fprintln(c.out, message) }

func (c *command) filter() deployed.Filter {
	return deployed.Filter{Status: c.status, Attributes: c.attributes}
}

func (c *command) listPipelines(ctx context.Context, names []string) error {
	if len(names) > 0 {
		return fmt.Errorf("unexpected argument %q", names[0])
	}
	clients, err := c.connect(ctx)
	if err != nil {
		return err
	}
	for name, err := range deployed.Pipelines(ctx, clients, c.tags) {
		if err != nil {
			return err
		}
		c.tell(name)
	}
	return nil
}

func (c *command) listDevices(ctx context.Context, names []string) error {
	p, rest, err := c.find(ctx, names)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q", rest[0])
	}
	for d, err := range p.Devices(ctx, c.filter()) {
		if err != nil {
			return err
		}
		c.tell(d.Name + "\t" + d.Status)
	}
	return nil
}

func (c *command) send(ctx context.Context, names []string) error {
	if len(names) != 2 {
		return errors.New("want iotctl send PIPELINE PAYLOAD, such as: iotctl send farm '{\"action\":\"rest\"}' --all")
	}
	command := operate.Command{Payload: names[1], Devices: c.devices, Filter: c.filter(), All: c.all, DryRun: c.dry}
	if err := command.Check(); err != nil {
		return err
	}
	p, _, err := c.find(ctx, names[:1])
	if err != nil {
		return err
	}
	_, err = operate.Send(ctx, p, command, c.tell)
	return err
}

func (c *command) setRules(ctx context.Context, names []string, on bool) error {
	p, rules, err := c.find(ctx, names)
	if err != nil {
		return err
	}
	return operate.SetRules(ctx, p, rules, on, c.tell)
}

// pairs is a repeatable KEY=VALUE flag.
type pairs map[string]string

// String implements flag.Value.
func (p pairs) String() string { return fmt.Sprint(map[string]string(p)) }

// Set adds a pair.
func (p pairs) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return fmt.Errorf("want KEY=VALUE, got %q", text)
	}
	p[key] = value
	return nil
}

// list is a repeatable flag.
type list []string

// String implements flag.Value.
func (l *list) String() string { return strings.Join(*l, ",") }

// Set adds a value.
func (l *list) Set(text string) error {
	*l = append(*l, text)
	return nil
}
