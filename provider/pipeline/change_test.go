package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// base is a pipeline in which every block can be changed alone: the arguments by name, as HCL.
var base = map[string]string{
	"name":          `"greenhouse"`,
	"devices":       `{ "soil-001" = {}, "soil-002" = {} }`,
	"timestream":    `{}`,
	"alerts":        `{ emails = ["ops@example.com"], rules = { hot = { when = "temperature > 50" } } }`,
	"routes":        `{ copy = { sql = "SELECT * FROM 'greenhouse/+/telemetry'", republish = { topic = "copy" } } }`,
	"archive":       `{ expire_after_days = 365 }`,
	"force_destroy": `true`,
}

// with is base with one argument replaced; an empty value leaves it out.
func with(name, value string) string {
	arguments := map[string]string{name: value}
	for key, other := range base {
		if _, replaced := arguments[key]; !replaced {
			arguments[key] = other
		}
	}
	var body strings.Builder
	for _, key := range sortedKeys(arguments) {
		if arguments[key] != "" {
			fmt.Fprintf(&body, "  %s = %s\n", key, arguments[key])
		}
	}
	return pipeline(body.String())
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// The manifest describes the pipeline, so every change is written to it.
const manifest = "ssm:PutParameter"

var changes = []struct {
	name, argument, value string
	writes                []string // beside the manifest
}{
	{"topic prefix", "topic_prefix", `"acme/farm"`, []string{"iam:PutRolePolicy", "iot:CreatePolicyVersion", "iot:ReplaceTopicRule", "lambda:UpdateFunctionConfiguration"}},
	{"stream mode", "stream", `{ mode = "provisioned", shards = 1 }`, []string{"kinesis:UpdateStreamMode"}},
	{"stream retention", "stream", `{ retention_hours = 48 }`, []string{"kinesis:IncreaseStreamRetentionPeriod"}},
	{"batch size", "processor", `{ batch_size = 50 }`, []string{"lambda:UpdateEventSourceMapping"}},
	{"memory", "processor", `{ memory_mb = 512 }`, []string{"lambda:UpdateFunctionConfiguration"}},
	{"data field", "telemetry", `{ data_field = "values" }`, []string{"lambda:UpdateFunctionConfiguration"}},
	{"memory retention", "timestream", `{ memory_retention_hours = 12 }`, []string{"timestream-write:UpdateTable"}},
	{"no expiry of state", "device_state", `{ ttl_days = 30 }`, []string{"lambda:UpdateFunctionConfiguration"}},
	{"no backups", "device_state", `{ point_in_time_recovery = false }`, []string{"dynamodb:UpdateContinuousBackups"}},
	{"archive expiry", "archive", `{ expire_after_days = 30 }`, []string{"s3:PutBucketLifecycleConfiguration"}},
	{"no archive", "archive", `{ enabled = false, expire_after_days = 365 }`, []string{"iam:DeleteRole", "iam:DeleteRolePolicy", "iot:DeleteTopicRule"}},
	{"alert condition", "alerts", `{ emails = ["ops@example.com"], rules = { hot = { when = "temperature > 60" } } }`, []string{"dynamodb:PutItem", "iot:ReplaceTopicRule"}},
	{"alert message", "alerts", `{ emails = ["ops@example.com"], rules = { hot = { when = "temperature > 50", message = "hot" } } }`, []string{"dynamodb:PutItem"}},
	{"one more address", "alerts", `{ emails = ["ops@example.com", "boss@example.com"], rules = { hot = { when = "temperature > 50" } } }`, []string{"sns:Subscribe"}},
	{"route", "routes", `{ copy = { sql = "SELECT * FROM 'greenhouse/+/telemetry'", description = "copies", republish = { topic = "copy" } } }`, []string{"iot:ReplaceTopicRule"}},
	{"no route", "routes", ``, []string{"iam:DeleteRole", "iam:DeleteRolePolicy", "iot:DeleteTopicRule"}},
	{"log retention", "functions", `{ log_retention_days = 7 }`, []string{"logs:PutRetentionPolicy"}},
	{"log level", "functions", `{ log_level = "DEBUG" }`, []string{"lambda:UpdateFunctionConfiguration"}},
	{"force destroy", "force_destroy", `false`, nil},
	{"one more device", "devices", `{ "soil-001" = {}, "soil-002" = {}, "soil-003" = {} }`, nil},
}

// Each argument is changed alone: the plan is an update in place, and only what it is about is written to.
func TestChangesInPlace(t *testing.T) {
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.run(
				resource.TestStep{Config: w.config(with("", ""))},
				resource.TestStep{
					PreConfig: w.mark,
					Config:    w.config(with(c.argument, c.value)),
					ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
					}},
					Check: w.wrote(sorted(append(c.writes, manifest))...),
				},
				resource.TestStep{Config: w.config(with("", ""))},
			)
		})
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}
