// Command iot-edge is the program of a gateway: sensors connect to it by MQTT, and it forwards what they send to an IoT
// pipeline, also after hours without uplink.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/gateway"
)

const usage = `usage:
  iot-edge run CONFIG    run the gateway until SIGTERM or SIGINT; SIGHUP reads the credentials again, and connects
  iot-edge check CONFIG  check the configuration, the credentials and the certificates
  iot-edge password      hash a child's password, read from standard input, for broker.children
  iot-edge version
`

// version is set by the release build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
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
	case name == "run" && len(args) == 2:
		return run(ctx, args[1], logs)
	case name == "check" && len(args) == 2:
		return check(args[1], out)
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

func run(ctx context.Context, file string, logs io.Writer) error {
	c, err := config.Load(file)
	if err != nil {
		return err
	}
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
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

func check(file string, out io.Writer) error {
	c, err := config.Load(file)
	if err != nil {
		return err
	}
	identity, err := c.Identity()
	if err != nil {
		return err
	}
	if _, err := c.Broker.TLS(); err != nil {
		return err
	}
	if err := c.Settings.RulesOf(identity.Prefix, identity.Gateway).Check(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s is good: gateway %q with %d children, pipeline topics below %q, uplink to %s\n", file,
		identity.Gateway, len(c.Broker.Children), identity.Prefix, identity.Endpoint)
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
