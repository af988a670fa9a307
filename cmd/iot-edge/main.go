// Command iot-edge is the program of a gateway: sensors connect to it by MQTT, and it forwards what they send to an IoT
// pipeline, also after hours without uplink.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/broker"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/gateway"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/logs"
)

const usage = `usage:
  iot-edge run [-client-id ID] [-state DIRECTORY] [-shadow on|off] CONFIG
                         run the gateway until SIGTERM or SIGINT; SIGHUP reads the credentials and the broker's
                         certificate again, and connects
  iot-edge check [-client-id ID] [-state DIRECTORY] [-shadow on|off] CONFIG
                         check the configuration, the credentials and the certificates
  iot-edge password      hash a child's password, read from standard input, for broker.children
  iot-edge version

  -client-id  MQTT client ID: the gateway's thing, or <thing>#<suffix> beside another connection of the same thing
  -state      directory in place of the configuration's state_directory
  -shadow     off: settings do not come from the gateway's shadow, whatever the configuration says
  The members of the JSON in IOT_EDGE_SETTINGS replace those of the configuration's settings.
`

// version is set by the release build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	if err := dispatch(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "iot-edge:", err)
		os.Exit(1)
	}
}

func dispatch(ctx context.Context, args []string, in io.Reader, out, logs io.Writer) error {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	switch {
	case name == "run" || name == "check":
		c, file, err := load(args[1:])
		if err != nil {
			return err
		}
		if name == "run" {
			return run(ctx, c, logs)
		}
		return check(c, file, out)
	case name == "password" && len(args) == 1:
		return password(in, out)
	case name == "version" && len(args) == 1:
		fmt.Fprintln(out, version)
		return nil
	case name == "help" || name == "-h" || name == "--help":
		fmt.Fprint(out, usage)
		return nil
	}
	return errors.New("unknown command\n" + usage)
}

// memoryLimit makes the garbage collector work harder before the process outgrows a small gateway.
const memoryLimit = 48 << 20

// load reads the configuration that the arguments name.
func load(args []string) (c *config.Config, file string, err error) {
	flags := flag.NewFlagSet("iot-edge", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	start := config.Start{Settings: os.Getenv(contract.EnvEdgeSettings)}
	flags.StringVar(&start.ClientID, "client-id", "", "")
	flags.StringVar(&start.StateDirectory, "state", "", "")
	flags.StringVar(&start.Shadow, "shadow", "", "")
	if err := flags.Parse(args); err != nil {
		return nil, "", fmt.Errorf("%w\n%s", err, usage)
	}
	if flags.NArg() != 1 {
		return nil, "", errors.New("one configuration is wanted\n" + usage)
	}
	file = flags.Arg(0)
	if c, err = config.Load(file); err != nil {
		return nil, "", err
	}
	return c, file, c.Override(start)
}

func run(ctx context.Context, c *config.Config, logs io.Writer) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // before the start, or it would end the program
	defer signal.Stop(hangups)
	g, err := gateway.Start(c, version, logger(c.Log, logs), clock())
	if err != nil {
		return err
	}
	go func() {
		for range hangups {
			g.Reload()
		}
	}()
	return g.Run(ctx)
}

func logger(c config.Log, out io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // the configuration was checked
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(logs.Limit(slog.NewJSONHandler(out, options)))
	}
	return slog.New(logs.Limit(slog.NewTextHandler(out, options)))
}

func check(c *config.Config, file string, out io.Writer) error {
	identity, err := c.Identity()
	if err != nil {
		return err
	}
	children, err := c.Broker.TLS()
	if err != nil {
		return err
	}
	until := ""
	if children != nil {
		until = ", a broker's certificate until " + children.Expires.UTC().Format(time.DateOnly)
	}
	if err := c.Settings.RulesOf(identity.Prefix, identity.Gateway).Check(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s is good: gateway %q with %d children, pipeline topics below %q, uplink to %s%s\n",
		file, identity.Gateway, len(c.Broker.Children), identity.Prefix, identity.Endpoint, until)
	if absent := broker.Absent(c.Broker.Listen); err == nil && absent != nil {
		_, err = fmt.Fprintf(out, "Children cannot connect everywhere yet: %v\n", absent)
	}
	return err
}

func password(in io.Reader, out io.Writer) error {
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the password: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return errors.New("the password is empty: give it on standard input, such as: " +
			"openssl rand -base64 18 | tee /dev/stderr | iot-edge password")
	}
	hash, err := config.HashPassword(line)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, hash)
	return err
}
