package pipeline

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

func statementsOf(t *testing.T, document string) []statement {
	t.Helper()
	var d struct{ Statement []statement }
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		t.Fatal(err)
	}
	return d.Statement
}

// TestFunctionsMayDoWhatTheyNeed: every call on a function's list is allowed on its object, and of the pipeline's data
// services no other call is.
func TestFunctionsMayDoWhatTheyNeed(t *testing.T) {
	// One pipeline has a stream, the other a queue in its place. The processor passes messages to the alerts function.
	full := testSpec(t, "full")
	full.Alerts.Evaluate = ptr(EvaluateInStream)
	functionsMay(t, full, needs.Queue, needs.Functions())
	functionsMay(t, testSpec(t, "queue"), needs.Stream, []string{"processor", "archiver"})
}

func functionsMay(t *testing.T, config Spec, absent needs.Resource, functions []string) {
	t.Helper()
	b := newBuilder(config, testEnv())
	wants := resolve(t, build(t, config))
	for _, function := range functions {
		list := needs.Of(function)
		statements := statementsOf(t, wants["role/"+function].(spec.Role).Inline[inlinePolicy])
		resources := b.resources(function)
		var listed []string
		for _, n := range list {
			without := resources[n.On] == "" || n.With != "" && resources[n.With] == ""
			if without && (n.On == absent || n.With == absent || absent == needs.Stream) {
				continue
			}
			listed = append(listed, n.Action)
			if !slices.ContainsFunc(statements, func(s statement) bool {
				return slices.Contains(s.Action, n.Action) && slices.Contains(s.Resource, resources[n.On])
			}) {
				t.Errorf("%s needs %s on %s, and its role does not allow it", function, n.Action, n.On)
			}
		}
		for _, s := range statements {
			for _, action := range s.Action {
				if !slices.Contains(listed, action) && !strings.HasPrefix(action, "kms:") &&
					!strings.HasPrefix(action, "xray:") {
					t.Errorf("the role of %s allows %s, which is not on its list", function, action)
				}
			}
		}
	}
}

// TestNoTimestreamNoGrant: a role says nothing about what the pipeline does not have.
func TestNoTimestreamNoGrant(t *testing.T) {
	role := resolve(t, build(t, Spec{Name: "min"}))["role/processor"].(spec.Role)
	if policy := role.Inline[inlinePolicy]; strings.Contains(policy, "timestream") ||
		strings.Contains(policy, "xray") || strings.Contains(policy, "ec2:") ||
		strings.Contains(policy, "secretsmanager") ||
		strings.Contains(policy, "kms") {
		t.Errorf("the role of a minimal pipeline allows more than it uses: %s", policy)
	}
}

// TestRolesAreNarrow: wildcards stand only where AWS has no resource to name, and every role trusts this account only.
func TestRolesAreNarrow(t *testing.T) {
	noResource := []string{
		"timestream:DescribeEndpoints",
		"cloudwatch:PutMetricData",
		"xray:PutTelemetryRecords",
		"xray:PutTraceSegments",
		"iot:ListPrincipalThings",
		"iot:RegisterCertificate",
		"iot:RegisterThing",
		"cloudwatch:GetMetricData",
		"ec2:CreateNetworkInterface",
		"ec2:DescribeNetworkInterfaces",
		"ec2:DeleteNetworkInterface",
		"ec2:DescribeSubnets",
		"ec2:AssignPrivateIpAddresses",
		"ec2:UnassignPrivateIpAddresses",
	}
	for key, want := range resolve(t, build(t, testSpec(t, "full"))) {
		role, ok := want.(spec.Role)
		if !ok {
			continue
		}
		for _, s := range statementsOf(t, role.Inline[inlinePolicy]) {
			if slices.Contains(s.Resource, "*") &&
				slices.ContainsFunc(s.Action, func(a string) bool { return !slices.Contains(noResource, a) }) {
				t.Errorf("%s allows %v on everything", key, s.Action)
			}
			for _, action := range s.Action {
				if strings.Contains(action, "*") {
					t.Errorf("%s allows %s", key, action)
				}
			}
		}
		if key == "role/greengrass" {
			continue // AWS documents no source of the credentials provider; see tokenRole
		}
		trust := statementsOf(t, role.Trust)[0]
		if got := trust.Condition["StringEquals"]["aws:SourceAccount"]; !slices.Equal(got, []string{"123456789012"}) {
			t.Errorf("%s is trusted for accounts %v", key, got)
		}
		if strings.Contains(role.Trust, "iot.amazonaws.com") && len(trust.Condition["ArnLike"]["aws:SourceArn"]) == 0 {
			t.Errorf("%s is trusted for every rule of the account", key)
		}
	}
}

// TestCommandsOfFunctions: who sends commands may publish where they go, and the function knows whether there are
// gateways. In the resources of IAM, * stands for any characters, also for / and :.
func TestCommandsOfFunctions(t *testing.T) {
	full := testSpec(t, "full")
	for _, edge := range []bool{true, false} {
		full.Edge = nil
		if edge {
			full.Edge = &EdgeSpec{}
		}
		b := newBuilder(full, testEnv())
		wants := resolve(t, build(t, full))
		for _, function := range []string{"alerts", "api"} {
			env := wants["function/"+function].(spec.Function).Environment
			if got := env[contract.EnvGateways] == contract.GatewayValue; got != edge {
				t.Errorf("edge %v: the environment of %s says %v", edge, function, got)
			}
			for suffix, want := range map[string]bool{
				"/soil-1/commands": true, "/gw-1/children/gw-1:soil-1/commands": true, "/soil-1/telemetry": false,
				"/gw-1/children/gw-1:soil-1/commands/7/result": false,
			} {
				topic := b.arn.iotTopic(b.prefix() + suffix)
				if got := mayPublish(t, wants["role/"+function].(spec.Role).Inline[inlinePolicy], topic); got != want {
					t.Errorf("edge %v: %s may publish on %s: %v", edge, function, topic, got)
				}
			}
		}
	}
}

// mayPublish reports whether a document allows iot:Publish on a topic.
func mayPublish(t *testing.T, document, topic string) bool {
	t.Helper()
	return slices.ContainsFunc(statementsOf(t, document), func(s statement) bool {
		return slices.Contains(s.Action, "iot:Publish") && slices.ContainsFunc(s.Resource, func(pattern string) bool {
			expression := "^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$"
			return regexp.MustCompile(expression).MatchString(topic)
		})
	})
}
