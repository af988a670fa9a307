// Command iot-local runs a deployed iot_pipeline on this machine, against any AWS-compatible endpoint, and simulates
// its devices.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/iot-pipeline/terraform-provider-iot/provider"
)

const usage = `iot-local runs a deployed iot_pipeline on this machine.

  iot-local up DIRECTORY [flags]        apply a Terraform configuration to a local AWS, and run it with devices
  iot-local aws [flags]                 start a local AWS account to deploy pipelines to
  iot-local run PIPELINE [flags]        run its broker, rules, streams and functions; --all for all pipelines
  iot-local simulate PIPELINE [flags]   simulate its devices, or new devices that register themselves
  iot-local alarm PIPELINE NAME [flags] set off one of its alarms, at an emulator

"iot-local COMMAND -h" lists the flags. AWS credentials and the region come from the environment,
as for every AWS tool. To use an emulator, set AWS_ENDPOINT_URL or --endpoint.
`

// version is set by the release build.
var version = "dev"

func main() {
	// Terraform starts this program as the provider; see up.
	if strings.HasPrefix(filepath.Base(os.Args[0]), "terraform-provider-") {
		if err := provider.Serve(context.Background(), version, false); err != nil {
			log.Fatal(err)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "iot-local: "+err.Error())
		os.Exit(1)
	}
}

// dispatch runs one subcommand. Tests call it in place of main.
func dispatch(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
		fmt.Fprint(out, usage)
		return nil
	}
	commands := map[string]func(context.Context, []string, io.Writer) error{
		"up": up, "aws": account, "run": run, "simulate": simulateDevices, "alarm": alarm,
	}
	command := commands[args[0]]
	if command == nil {
		return fmt.Errorf("unknown command %q; the commands are up, aws, run, simulate and alarm", args[0])
	}
	return command(ctx, args[1:], out)
}

// parse accepts flags before and after the pipeline's name.
func parse(flags *flag.FlagSet, args []string, out io.Writer) (pipeline string, err error) {
	names, err := parseAll(flags, args, out)
	switch {
	case err != nil:
		return "", err
	case len(names) == 0:
		return "", errors.New("missing pipeline name: iot-local " + flags.Name() + " PIPELINE")
	case len(names) > 1:
		return "", fmt.Errorf("unexpected argument %q", names[1])
	}
	return names[0], nil
}

// parseAll accepts flags before, between and after names, and returns the names.
func parseAll(flags *flag.FlagSet, args []string, out io.Writer) (names []string, err error) {
	flags.SetOutput(out)
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return names, nil
		}
		names, args = append(names, flags.Arg(0)), flags.Args()[1:]
	}
}

// pairs is a repeatable NAME=PATH flag.
type pairs map[string]string

// String implements flag.Value.
func (p pairs) String() string { return fmt.Sprint(map[string]string(p)) }

// Set adds a pair.
func (p pairs) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" || value == "" {
		return fmt.Errorf("want NAME=PATH, got %q", text)
	}
	p[name] = value
	return nil
}

// list is a repeatable flag of comma-separated values.
type list []string

// String implements flag.Value.
func (l *list) String() string { return strings.Join(*l, ",") }

// Set adds values.
func (l *list) Set(text string) error {
	*l = append(*l, strings.Split(text, ",")...)
	return nil
}
