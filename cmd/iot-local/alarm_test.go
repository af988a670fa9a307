package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

func TestAlarm(t *testing.T) {
	server := mototest.Start(t)
	for _, kv := range server.Env() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	c := awsapi.NewLocal(server.Config(t))
	for _, pipeline := range []struct{ name, parts string }{
		{"gh", `"alarm/dead_letters":{"name":"gh-dead-letters"},"alarm/watch_errors":{"name":"gh-gone"}`},
		{"plain", `"rule/telemetry":{"name":"plain_telemetry"}`},
	} {
		manifest := `{"version":1,"name":"` + pipeline.name + `","spec":{},"parts":{` + pipeline.parts + `}}`
		if _, err := c.SSM().PutParameter(t.Context(), &ssm.PutParameterInput{Type: "String", Value: &manifest,
			Name: aws.String(contract.ManifestName(pipeline.name))}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.CloudWatch().PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("gh-dead-letters"), Namespace: aws.String("AWS/SQS"), MetricName: aws.String("m"),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, Threshold: aws.Float64(1),
		EvaluationPeriods: aws.Int32(1), Period: aws.Int32(60), Statistic: types.StatisticMaximum,
	}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ args, state, problem string }{
		{args: "gh dead_letters", state: "ALARM"},
		{args: "gh dead_letters", problem: `alarm "gh-dead-letters" is in the state ALARM already`},
		{args: "gh --state ok gh-dead-letters", state: "OK"}, // the name in full
		{args: "gh smoke", problem: `pipeline "gh" has no alarm "smoke"; it has dead_letters, watch_errors`},
		{args: "gh watch_errors", problem: "it does not exist there any more: apply again"},
		{args: "gh", problem: "iot-local alarm PIPELINE NAME"},
		{args: "gh dead_letters --state loud", problem: `--state "loud": want alarm or ok`},
		{args: "nowhere dead_letters", problem: "the pipeline is not deployed there"},
		{args: "plain dead_letters", problem: `pipeline "plain" has no alarms: set monitoring = {} and apply`},
	} {
		var out bytes.Buffer
		err := dispatch(t.Context(), append([]string{"alarm"}, strings.Fields(step.args)...), &out)
		if step.problem != "" {
			if err == nil || !strings.Contains(err.Error(), step.problem) {
				t.Errorf("iot-local alarm %s: got error %v, want %q", step.args, err, step.problem)
			}
			continue
		}
		if err != nil || !strings.Contains(out.String(), "gh-dead-letters is in the state "+step.state) {
			t.Errorf("iot-local alarm %s: %v, printed %q", step.args, err, out.String())
		}
		got, err := c.CloudWatch().DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{})
		if err != nil || len(got.MetricAlarms) != 1 || string(got.MetricAlarms[0].StateValue) != step.state {
			t.Errorf("after iot-local alarm %s: %v, %+v", step.args, err, got)
		}
	}
}

// On AWS the command would wake people for nothing, so it needs an emulator.
func TestAlarmNeedsAnEmulator(t *testing.T) {
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	err := dispatch(t.Context(), []string{"alarm", "gh", "dead_letters", "--region", "eu-central-1"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "this is for an emulator: set --endpoint or AWS_ENDPOINT_URL") {
		t.Errorf("error %v", err)
	}
}
