package pipeline_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/edgezip"
)

// base is a pipeline in which every block can be changed alone: the arguments by name, as HCL.
var base = map[string]string{
	"name":          `"greenhouse"`,
	"devices":       `{ "soil-001" = {}, "soil-002" = {} }`,
	"timestream":    `{}`,
	"alerts":        `{ emails = ["ops@example.com"], rules = { hot = { when = "temperature > 50" } } }`,
	"routes":        `{ copy = { sql = "SELECT * FROM 'greenhouse/+/telemetry'", republish = { topic = "copy" } } }`,
	"archive":       `{ expire_after_days = 365, measures = ["temperature"] }`,
	"force_destroy": `true`,
}

// everything is base with recent readings, metrics, InfluxDB, a gateway, devices that register themselves, and somebody
// who watches them.
func everything(t *testing.T) map[string]string {
	arguments := maps.Clone(base)
	arguments["recent"] = `{}`
	arguments["metrics"] = `{}`
	arguments["monitoring"] = `{}`
	arguments["api"] = `{}`
	arguments["devices"] = `{ "soil-001" = {}, "soil-002" = {}, "gw-1" = { gateway = {} }, "gw-1:soil-3" = {},
		"gw-2" = { gateway = {} } }`
	arguments["provisioning"] = fmt.Sprintf(`{ claim = {}, jitp = { ca_certificate_pem = %q } }`, authority(t))
	network := `{ subnet_ids = ["subnet-0123456789abcdef0"], security_group_ids = ["sg-0123456789abcdef0"] }`
	program := filepath.Join(t.TempDir(), "iot-edge.zip")
	edgezip.Write(t, program, "arm64", "first")
	arguments["edge"] = fmt.Sprintf(`{ greengrass = { artifacts = { arm64 = %q } } }`, program)
	arguments["influxdb"] = `{ instance = ` + network + `, vpc = ` + network + ` }`
	return arguments
}

// block is a resource block with these arguments.
func block(arguments map[string]string) string {
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

// A change of one argument and the requests that it takes besides the manifest's.
type change struct {
	name, argument, value string // an empty value removes the argument
	writes                []string
}

// withoutBatches are the requests that remove an archive in batches.
var withoutBatches = []string{
	"athena:DeleteWorkGroup",
	"awslambda:DeleteFunction",
	"firehose:DeleteDeliveryStream",
	"glue:DeleteDatabase",
	"glue:DeleteTable",
	"iam:DeleteRole",
	"iam:DeleteRolePolicy",
	"logs:DeleteLogGroup",
}

// Chains of changes, each made on top of those before it.
var chains = map[string][]change{
	"flow": {
		{
			"stream mode",
			"stream",
			`{ mode = "provisioned", shards = 1 }`,
			[]string{"kinesis:UpdateShardCount", "kinesis:UpdateStreamMode"},
		},
		{
			"stream retention",
			"stream",
			`{ mode = "provisioned", shards = 1, retention_hours = 48 }`,
			[]string{"kinesis:IncreaseStreamRetentionPeriod"},
		},
		{"batch size", "processor", `{ batch_size = 50 }`, []string{"awslambda:UpdateEventSourceMapping"}},
		{
			"memory",
			"processor",
			`{ batch_size = 50, memory_mb = 512 }`,
			[]string{"awslambda:UpdateFunctionConfiguration"},
		},
		{"data field", "telemetry", `{ data_field = "values" }`, []string{"awslambda:UpdateFunctionConfiguration"}},
		{"log level", "functions", `{ log_level = "DEBUG" }`, []string{"awslambda:UpdateFunctionConfiguration"}},
		{
			"log retention",
			"functions",
			`{ log_level = "DEBUG", log_retention_days = 7 }`,
			[]string{"logs:PutRetentionPolicy"},
		},
		{"topic prefix", "topic_prefix", `"acme/farm"`,
			[]string{
				"awslambda:UpdateFunctionConfiguration",
				"iam:PutRolePolicy",
				"iot:CreatePolicyVersion",
				"iot:ReplaceTopicRule",
			}},
	},
	"stores": {
		{"memory retention", "timestream", `{ memory_retention_hours = 12 }`, []string{"timestream-write:UpdateTable"}},
		{"expiry of state", "device_state", `{ ttl_days = 30 }`, []string{"awslambda:UpdateFunctionConfiguration"}},
		{"refresh of state", "device_state", `{ ttl_days = 30, refresh_seconds = 10 }`,
			[]string{"awslambda:UpdateFunctionConfiguration"}},
		{
			"no backups",
			"device_state",
			`{ ttl_days = 30, refresh_seconds = 10, point_in_time_recovery = false }`,
			[]string{"dynamodb:UpdateContinuousBackups"},
		},
		{"recent readings", "recent", `{}`,
			[]string{
				"awslambda:UpdateFunctionConfiguration",
				"dynamodb:CreateTable",
				"dynamodb:UpdateTimeToLive",
				"iam:PutRolePolicy",
			}},
		{"fewer hours", "recent", `{ hours = 12 }`, []string{"awslambda:UpdateFunctionConfiguration"}},
		{"no recent readings", "recent", ``,
			[]string{
				"awslambda:UpdateFunctionConfiguration",
				"dynamodb:DeleteTable",
				"iam:PutRolePolicy",
			}},
		{"metrics", "metrics", `{}`,
			[]string{
				"awslambda:CreateEventSourceMapping",
				"awslambda:CreateFunction",
				"dynamodb:CreateTable",
				"dynamodb:UpdateTimeToLive",
				"firehose:CreateDeliveryStream",
				"glue:CreateTable",
				"iam:CreateRole",
				"iam:PutRolePolicy",
				"logs:CreateLogGroup",
				"logs:PutRetentionPolicy",
			}},
		{"longer windows", "metrics", `{ window_seconds = 300 }`, []string{"awslambda:UpdateEventSourceMapping"}},
		{"metrics of one measure", "metrics", `{ window_seconds = 300, measures = ["temperature"], keep_days = 7 }`,
			[]string{"awslambda:UpdateFunctionConfiguration"}},
		{"no export", "metrics",
			`{ window_seconds = 300, measures = ["temperature"], keep_days = 7, export = false }`,
			[]string{
				"awslambda:UpdateFunctionConfiguration",
				"firehose:DeleteDeliveryStream",
				"glue:DeleteTable",
				"iam:DeleteRole",
				"iam:DeleteRolePolicy",
				"iam:PutRolePolicy",
			}},
		{"no metrics", "metrics", ``,
			[]string{
				"awslambda:DeleteEventSourceMapping",
				"awslambda:DeleteFunction",
				"dynamodb:DeleteTable",
				"iam:DeleteRole",
				"iam:DeleteRolePolicy",
				"logs:DeleteLogGroup",
			}},
		{"archive expiry", "archive", `{ expire_after_days = 30, measures = ["temperature"] }`, []string{"s3:PutLifecycleConfiguration"}},
		{"an archive in JSON", "archive",
			`{ expire_after_days = 30, measures = ["temperature"], format = "json", buffer_mb = 5 }`,
			[]string{"firehose:UpdateDestination", "glue:UpdateTable"}},
		{"one object per message", "archive", `{ expire_after_days = 30, delivery = "per_message" }`,
			slices.Concat(withoutBatches, []string{
				"iam:PutRolePolicy",
				"iam:UpdateAssumeRolePolicy",
				"iot:CreatePolicyVersion",
				"iot:CreateTopicRule",
			})},
		{"batches again", "archive", `{ expire_after_days = 30 }`,
			[]string{
				"athena:CreateNamedQuery",
				"athena:CreateWorkGroup",
				"awslambda:CreateFunction",
				"firehose:CreateDeliveryStream",
				"glue:CreateDatabase",
				"glue:CreateTable",
				"iam:CreateRole",
				"iam:PutRolePolicy",
				"iam:UpdateAssumeRolePolicy",
				"iot:CreatePolicyVersion",
				"iot:DeleteTopicRule",
				"logs:CreateLogGroup",
				"logs:CreateLogStream",
				"logs:PutRetentionPolicy",
			}},
		{"no archive", "archive", `{ enabled = false, expire_after_days = 30 }`, withoutBatches},
		{"destroying data is allowed", "force_destroy", `false`, nil},
		{"deep check", "deep_check", `true`, nil},
		{"no deep check", "deep_check", `false`, nil},
		{"timeouts", "timeouts", `{ create = "1h" }`, nil},
	},
	"monitoring": {
		{"monitoring", "monitoring", `{}`, []string{
			"awslambda:AddPermission",
			"awslambda:CreateFunction",
			"awslambda:PutFunctionEventInvokeConfig",
			"awslambda:UpdateEventSourceMapping", // counts what becomes of the records, for an alarm
			"cloudwatch:PutDashboard",
			"cloudwatch:PutMetricAlarm",
			"dynamodb:PutItem",
			"iam:CreateRole",
			"iam:PutRolePolicy",
			"iam:UpdateAssumeRolePolicy",
			"iot:CreateTopicRule",
			"logs:CreateLogGroup",
			"logs:PutRetentionPolicy",
			"scheduler:CreateSchedule",
			"scheduler:CreateScheduleGroup",
			"sns:SetTopicAttributes",
		}},
		{"limit", "monitoring", `{ silence_minutes = 30 }`, []string{"dynamodb:PutItem"}},
		{"nobody hears of returns", "monitoring", `{ silence_minutes = 30, notify_return = false }`,
			[]string{"awslambda:UpdateFunctionConfiguration"}},
		{"threshold", "monitoring", `{ notify_return = false, silence_minutes = 30,
			alarms = { dead_letters = { threshold = 10 } } }`, []string{"cloudwatch:PutMetricAlarm"}},
		{"fewer alarms", "monitoring", `{ notify_return = false, silence_minutes = 30,
			alarms = { dead_letters = { enabled = false } } }`,
			[]string{"cloudwatch:DeleteAlarms", "cloudwatch:PutDashboard"}},
		{"no dashboard", "monitoring", `{ notify_return = false, silence_minutes = 30, dashboard = false,
			alarms = { dead_letters = { enabled = false } } }`, []string{"cloudwatch:DeleteDashboards"}},
		{"no alarms", "monitoring", `{ notify_return = false, silence_minutes = 30, dashboard = false,
			alarms = { enabled = false } }`, []string{"awslambda:RemovePermission",
			"awslambda:UpdateEventSourceMapping", "cloudwatch:DeleteAlarms"}},
		{"no presence", "monitoring", `{ notify_return = false, silence_minutes = 30, dashboard = false,
			alarms = { enabled = false }, presence = false }`,
			[]string{"iam:UpdateAssumeRolePolicy", "iot:DeleteTopicRule"}},
		{"nobody watches", "monitoring", ``, []string{
			"awslambda:DeleteFunction",
			"dynamodb:DeleteItem",
			"iam:DeleteRole",
			"iam:DeleteRolePolicy",
			"logs:DeleteLogGroup",
			"scheduler:DeleteSchedule",
			"scheduler:DeleteScheduleGroup",
			"sns:SetTopicAttributes",
		}},
	},
	"api": {
		{"an API", "api", `{}`, []string{
			"apigatewayv2:CreateApi",
			"apigatewayv2:CreateIntegration",
			"apigatewayv2:CreateRoute",
			"apigatewayv2:CreateStage",
			"awslambda:AddPermission",
			"awslambda:CreateFunction",
			"awslambda:UpdateFunctionConfiguration",
			"dynamodb:CreateTable",
			"dynamodb:UpdateTable",
			"dynamodb:UpdateTimeToLive",
			"iam:CreateRole",
			"iam:PutRolePolicy",
			"iam:UpdateAssumeRolePolicy",
			"iot:CreatePolicyVersion",
			"iot:CreateTopicRule",
			"logs:CreateLogGroup",
			"logs:PutRetentionPolicy",
		}},
		{"tokens", "api", `{ auth = "jwt", jwt = { issuer = "https://login.example.com", audiences = ["app"] } }`,
			[]string{"apigatewayv2:CreateAuthorizer", "apigatewayv2:UpdateRoute"}},
		{"other limits", "api", `{ throttle = { rate = 5 }, auth = "jwt", jwt = { issuer = "https://login.example.com",
			audiences = ["app"] } }`, []string{"apigatewayv2:UpdateStage"}},
		{"signatures, and pages", "api", `{ throttle = { rate = 5 }, cors_origins = ["https://app.example.com"] }`,
			[]string{"apigatewayv2:DeleteAuthorizer", "apigatewayv2:UpdateApi", "apigatewayv2:UpdateRoute"}},
		{"no API", "api", ``, []string{
			"apigatewayv2:DeleteApi",
			"apigatewayv2:DeleteIntegration",
			"apigatewayv2:DeleteRoute",
			"apigatewayv2:DeleteStage",
			"awslambda:DeleteFunction",
			"awslambda:UpdateFunctionConfiguration",
			"dynamodb:DeleteTable",
			"dynamodb:UpdateTable",
			"iam:DeleteRole",
			"iam:DeleteRolePolicy",
			"iam:PutRolePolicy",
			"iam:UpdateAssumeRolePolicy",
			"iot:CreatePolicyVersion",
			"iot:DeleteTopicRule",
			"logs:DeleteLogGroup",
		}},
	},
	"edge": {
		{"gateways", "edge", `{}`, []string{"awslambda:UpdateFunctionConfiguration", // of who sends commands
			"iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iot:AttachPolicy",
			"iot:CreatePolicy", "iot:CreateTopicRule"}},
		{"rules of gateways", "edge", `{ unmatched = "drop", rules = { hot = { action = "alert",
			sql = "SELECT * FROM 'greenhouse/+/telemetry' WHERE t > 30" } } }`, nil},
		{"no gateways", "edge", ``, []string{"awslambda:UpdateFunctionConfiguration",
			"iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iot:DeletePolicy",
			"iot:DeleteTopicRule", "iot:DetachPolicy"}},
	},
	"rules": {
		{
			"condition",
			"alerts",
			`{ emails = ["ops@example.com"], rules = { hot = { when = "temperature > 60" } } }`,
			[]string{"dynamodb:PutItem", "iot:ReplaceTopicRule"},
		},
		{
			"message",
			"alerts",
			`{ emails = ["ops@example.com"], rules = { hot = { when = "temperature > 60", message = "hot" } } }`,
			[]string{"dynamodb:PutItem"},
		},
		{
			"one more address",
			"alerts",
			`{ emails = ["ops@example.com", "boss@example.com"], rules = { hot = { when = "temperature > 60", message = "hot" } } }`,
			[]string{"sns:Subscribe"},
		},
		{
			"one address less",
			"alerts",
			`{ emails = ["boss@example.com"], rules = { hot = { when = "temperature > 60", message = "hot" } } }`,
			[]string{"sns:Unsubscribe"},
		},
		{
			"alerts in the stream",
			"alerts",
			`{ evaluate = "stream", emails = ["boss@example.com"], rules = { hot = { when = "temperature > 60", message = "hot" } } }`,
			[]string{
				"awslambda:RemovePermission",
				"awslambda:UpdateFunctionConfiguration",
				"dynamodb:PutItem",
				"iam:PutRolePolicy",
				"iam:UpdateAssumeRolePolicy",
				"iot:CreatePolicyVersion",
				"iot:DeleteTopicRule",
			},
		},
		{
			"alerts by a rule again",
			"alerts",
			`{ emails = ["boss@example.com"], rules = { hot = { when = "temperature > 60", message = "hot" } } }`,
			[]string{
				"awslambda:AddPermission",
				"awslambda:UpdateFunctionConfiguration",
				"dynamodb:PutItem",
				"iam:PutRolePolicy",
				"iam:UpdateAssumeRolePolicy",
				"iot:CreatePolicyVersion",
				"iot:CreateTopicRule",
			},
		},
		{
			"route",
			"routes",
			`{ copy = { sql = "SELECT * FROM 'greenhouse/+/telemetry'", description = "copies", republish = { topic = "copy" } } }`,
			[]string{"iot:ReplaceTopicRule"},
		},
		{"no route", "routes", ``, []string{"iam:DeleteRole", "iam:DeleteRolePolicy", "iot:DeleteTopicRule"}},
		{
			"no alerts",
			"alerts",
			``,
			[]string{
				"awslambda:DeleteFunction",
				"dynamodb:DeleteItem",
				"iam:DeleteRole",
				"iam:DeleteRolePolicy",
				"iam:UpdateAssumeRolePolicy",
				"iot:CreatePolicyVersion",
				"iot:DeleteTopicRule",
				"logs:DeleteLogGroup",
				"sns:DeleteTopic",
			},
		},
	},
}

// provisioningChain changes how devices register, in the account of two authorities.
func provisioningChain(t *testing.T) []change {
	first, second := authority(t), authority(t)
	claim := func(more string) string { return `{ claim = {` + more + ` } }` }
	const latest = ` thing_name_prefix = "p-", attributes = ["site"], certificate_version = 2 `
	both := func(ca string) string {
		return fmt.Sprintf(`{ claim = {%s}, jitp = { ca_certificate_pem = %q } }`, latest, ca)
	}
	made := []string{
		"awslambda:AddPermission",
		"awslambda:CreateFunction",
		"dynamodb:CreateTable",
		"dynamodb:UpdateContinuousBackups",
		"iam:CreateRole",
		"iam:PutRolePolicy",
		"iot:AttachPolicy",
		"iot:CreateCertificateFromCsr",
		"iot:CreatePolicy",
		"iot:CreateProvisioningTemplate",
		"iot:UpdateCertificate",
		"logs:CreateLogGroup",
		"logs:PutRetentionPolicy",
	}
	return []change{
		{"claim", "provisioning", claim(``), made},
		{
			"prefix",
			"provisioning",
			claim(` thing_name_prefix = "p-" `),
			[]string{
				"awslambda:UpdateFunctionConfiguration",
				"iam:PutRolePolicy",
				"iot:CreateProvisioningTemplateVersion",
			},
		},
		{
			"attributes",
			"provisioning",
			claim(` thing_name_prefix = "p-", attributes = ["site"] `),
			[]string{"awslambda:UpdateFunctionConfiguration", "iot:CreateProvisioningTemplateVersion"},
		},
		{"another certificate", "provisioning", claim(latest),
			[]string{
				"iot:AttachPolicy",
				"iot:CreateCertificateFromCsr",
				"iot:DeleteCertificate",
				"iot:DetachPolicy",
				"iot:UpdateCertificate",
			}},
		{
			"an authority",
			"provisioning",
			both(first),
			[]string{"iam:PutRolePolicy", "iot:CreateProvisioningTemplate", "iot:RegisterCACertificate"},
		},
		{
			"another authority",
			"provisioning",
			both(second),
			[]string{"iot:DeleteCACertificate", "iot:RegisterCACertificate", "iot:UpdateCACertificate"},
		},
		{
			"nobody registers any more",
			"provisioning",
			``,
			[]string{
				"awslambda:DeleteFunction",
				"dynamodb:DeleteTable",
				"iam:DeleteRole",
				"iam:DeleteRolePolicy",
				"iot:DeleteCACertificate",
				"iot:DeleteCertificate",
				"iot:DeletePolicy",
				"iot:DeleteProvisioningTemplate",
				"iot:DetachPolicy",
				"iot:UpdateCACertificate",
				"iot:UpdateCertificate",
				"logs:DeleteLogGroup",
				"ssm:DeleteParameters",
			},
		},
	}
}

// Each argument is changed alone: the plan is an update in place, and only what it is about is written to.
func TestChangesInPlace(t *testing.T) {
	chains := maps.Clone(chains)
	chains["provisioning"] = provisioningChain(t)
	for name, chain := range chains {
		t.Run(name, func(t *testing.T) {
			w := newLocalAWS(t)
			arguments := maps.Clone(base)
			steps := []resource.TestStep{{Config: w.config(block(arguments))}}
			for _, c := range chain {
				arguments[c.argument] = c.value
				steps = append(steps, w.change(c, block(arguments)))
			}
			w.run(append(steps, w.readyToGo(arguments))...)
		})
	}
}

func (w *localAWS) change(c change, config string) resource.TestStep {
	return resource.TestStep{
		PreConfig: w.mark,
		Config:    w.config(config),
		ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
			plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate),
		}},
		Check: func(s *terraform.State) error {
			if err := w.wrote(sorted(append(slices.Clone(c.writes), manifest))...)(s); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			return nil
		},
	}
}

// readyToGo is a last step that lets the destroy after it delete data.
func (w *localAWS) readyToGo(arguments map[string]string) resource.TestStep {
	arguments["force_destroy"] = "true"
	return resource.TestStep{Config: w.config(block(arguments))}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}
