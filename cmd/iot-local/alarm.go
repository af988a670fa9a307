package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
)

// alarm puts an alarm of a pipeline into a state.
func alarm(ctx context.Context, args []string, out io.Writer) error {
	var where target
	f := flag.NewFlagSet("alarm", flag.ContinueOnError)
	where.flags(f)
	wanted := f.String("state", "alarm", "`state` to set: alarm, or ok when it is over")
	names, err := parseAll(f, args, out)
	if err != nil {
		return err
	}
	if len(names) != 2 {
		return errors.New("want a pipeline and an alarm: iot-local alarm PIPELINE NAME, " +
			"such as iot-local alarm greenhouse dead_letters")
	}
	state, ok := map[string]types.StateValue{"alarm": types.StateValueAlarm, "ok": types.StateValueOk}[*wanted]
	if !ok {
		return fmt.Errorf("--state %q: want alarm or ok", *wanted)
	}
	config, err := where.config(ctx)
	if err != nil {
		return err
	}
	if config.BaseEndpoint == nil {
		return errors.New("this is for an emulator: set --endpoint or AWS_ENDPOINT_URL. " +
			"On AWS, \"aws cloudwatch set-alarm-state\" does it, and CloudWatch calls the function itself")
	}
	clients := awsapi.NewLocal(config)
	m, err := local.ReadManifest(ctx, clients, names[0])
	if err != nil {
		return err
	}
	name, err := local.SetAlarm(ctx, clients, m, names[1], state)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out,
		"%s is in the state %s. If iot-local run plays the pipeline, it calls the alarm's function.\n", name, state)
	return err
}
