package permissions

import (
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/authorization"
)

var update = flag.Bool("update", false, "write the policy into the guide")

// beside lists the actions that AWS requires in addition to the call itself, and the calls that require them.
var beside = map[string]string{
	"iam:PassRole": "CreateFunction, CreateTopicRule, CreateProvisioningTemplate, CreateDeliveryStream: whoever " +
		"names a role must be allowed to pass it",
	"ec2:DescribeSecurityGroups":    functionsInNetworks,
	"ec2:DescribeSubnets":           functionsInNetworks,
	"ec2:DescribeVpcs":              functionsInNetworks,
	"s3:DeleteObjectVersion":        "DeleteObjects that names versions",
	"s3:ListBucket":                 "S3 answers 403 in place of 404 without it",
	"secretsmanager:GetSecretValue": "BatchGetSecretValue",
	"iot:CancelJob":                 deploymentJobs,
	"iot:CreateJob":                 deploymentJobs,
	"iot:DeleteThingShadow":         deploymentJobs,
	"iot:DescribeJob":               deploymentJobs,
	"iot:GetThingShadow":            deploymentJobs,
	"iot:UpdateJob":                 deploymentJobs,
	"iot:UpdateThingShadow":         deploymentJobs,
	"logs:CreateLogDelivery":        accessLogs,
	"logs:DeleteLogDelivery":        accessLogs,
	"logs:DescribeResourcePolicies": accessLogs,
	"logs:GetLogDelivery":           accessLogs,
	"logs:ListLogDeliveries":        accessLogs,
	"logs:PutResourcePolicy":        accessLogs,
	"logs:UpdateLogDelivery":        accessLogs,
}

const accessLogs = "CreateStage, UpdateStage and DeleteStage with access logs: API Gateway sets up their delivery with " +
	"the caller's rights"

const deploymentJobs = "CreateDeployment and CancelDeployment: Greengrass makes and cancels a job of AWS IoT with the " +
	"caller's rights"

const functionsInNetworks = "CreateFunction and UpdateFunctionConfiguration with a VpcConfig: Lambda looks at it with the " +
	"caller's rights"

// free are calls that need no permission.
var free = []string{"sts:GetCallerIdentity"}

func allowed() map[string]bool {
	actions := map[string]bool{}
	for _, s := range Policy(Place{}) {
		for _, action := range s.Action {
			actions[action] = true
		}
	}
	return actions
}

// Every call in the sources is allowed, and nothing else is.
func TestPolicyIsWhatTheSourcesCall(t *testing.T) {
	called := map[string]bool{}
	for action := range beside {
		called[action] = true
	}
	for _, dir := range []string{"drivers", "certs", "credstore", "awsapi", "deployed"} {
		for action := range callsBelow(t, filepath.Join("..", dir)) {
			called[action] = true
		}
	}
	for _, action := range free {
		delete(called, action)
	}
	got := allowed()
	if d := cmp.Diff(called, got); d != "" {
		t.Errorf("the sources call (-) what the policy allows (+):\n%s", d)
	}
}

// input is where a call is made up: the SDK's input type names service and operation.
var input = regexp.MustCompile(
	`\b(apigatewayv2|iot|iotdataplane|kinesis|timestreamwrite|timestreaminfluxdb|dynamodb|s3|sns|sqs|iam|lambda|cloudwatch|cloudwatchlogs|firehose|glue|athena|ssm|secretsmanager|sts|kms|scheduler|greengrassv2|resourcegroupstaggingapi)\.([A-Z][A-Za-z0-9]+)Input\b`,
)

func callsBelow(t *testing.T, root string) map[string]bool {
	t.Helper()
	named := map[string]string{"timestreamwrite": "timestream", "timestreaminfluxdb": "timestream-influxdb",
		"cloudwatchlogs": "logs", "iotdataplane": "iot", "resourcegroupstaggingapi": "tag"}
	actions := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.HasPrefix(d.Name(), "operations") || // lists of what can be called
			slices.Contains([]string{"drivertest", "iotstub"}, filepath.Base(filepath.Dir(path))) {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range input.FindAllStringSubmatch(string(text), -1) {
			service := m[1]
			if other, ok := named[service]; ok {
				service = other
			}
			action := Action(service, m[2])
			if action == "" {
				t.Errorf("%s: no IAM action for %s %s", path, service, m[2])
			}
			actions[action] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return actions
}

const guide = "../../templates/guides/permissions.md"

// Operators need what the package operate calls, the driver that it reads rules with, and what finds pipelines.
func TestOperatorsPolicyIsWhatTheSourcesCall(t *testing.T) {
	called := callsBelow(t, filepath.Join("..", "operate"))
	for action := range callsBelow(t, filepath.Join("..", "deployed")) {
		called[action] = true
	}
	for _, action := range []string{ // what topicrule.Observe, Clients.MQTTEndpoint and Clients.ReadParameter call
		"iot:GetTopicRule", "iot:ListTagsForResource", "iot:DescribeEndpoint", "ssm:GetParameter",
	} {
		called[action] = true
	}
	got := map[string]bool{}
	for _, s := range Operators(Place{}) {
		for _, action := range s.Action {
			got[action] = true
		}
	}
	if d := cmp.Diff(called, got); d != "" {
		t.Errorf("the sources call (-) what the policy allows (+):\n%s", d)
	}
}

// The guides for operators end with their policies; -update writes them there.
func TestOperatingGuidesShowThePolicies(t *testing.T) {
	for guide, documentOf := range map[string]func(Place) (string, error){
		"operating": OperatorsDocument, "rotating-certificates": RotatorsDocument,
	} {
		path := "../../templates/guides/" + guide + ".md"
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		head, shown, ok := strings.Cut(string(text), "```json\n")
		if !ok {
			t.Fatal("the guide has no JSON block")
		}
		want, err := documentOf(
			Place{Partition: "aws", Region: "eu-west-1", Account: "123456789012", Pipeline: "greenhouse"})
		if err != nil {
			t.Fatal(err)
		}
		want += "\n```\n"
		if *update {
			if err := os.WriteFile(path, []byte(head+"```json\n"+want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if d := cmp.Diff(want, shown); d != "" {
			t.Errorf("the guide %s differs (go test ./internal/permissions -update):\n%s", guide, d)
		}
	}
}

// The guide shows the policy as it is; -update writes it there.
func TestGuideShowsThePolicy(t *testing.T) {
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "```json\n", "\n```\n"
	first, last := strings.Index(string(text), begin), strings.LastIndex(string(text), end)
	if first < 0 || last < first {
		t.Fatal("the guide has no JSON block")
	}
	documents, err := Documents(
		Place{Partition: "aws", Region: "eu-west-1", Account: "123456789012", Pipeline: "greenhouse"})
	if err != nil {
		t.Fatal(err)
	}
	want := begin + strings.Join(documents, end+"\n"+begin) + end
	head, shown, tail := text[:first], string(text[first:last+len(end)]), text[last+len(end):]
	if *update {
		if err := os.WriteFile(guide, []byte(string(head)+want+string(tail)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, shown); d != "" {
		t.Errorf("the guide differs (go test ./internal/permissions -update):\n%s", d)
	}
}

// maxDocuments is what the guide says. A person or role can have 10 managed policies [IAM quotas].
const maxDocuments = 3

func TestPolicyFitsIntoManagedPolicies(t *testing.T) {
	longest := Place{Partition: "aws-us-gov", Region: "ap-northeast-1", Account: "123456789012",
		Pipeline: strings.Repeat("n", 32)}
	documents, err := Documents(longest)
	if err != nil {
		t.Fatal(err)
	}
	if len(documents) > maxDocuments {
		t.Errorf("%d documents; want %d at most", len(documents), maxDocuments)
	}
	var held []Statement
	for i, text := range documents {
		n := size(text)
		t.Logf("document %d has %d characters with the longest names", i+1, n)
		if n > maxDocument {
			t.Errorf("document %d has %d characters; a managed policy holds %d", i+1, n, maxDocument)
		}
		var read struct{ Statement []Statement }
		if err := json.Unmarshal([]byte(text), &read); err != nil {
			t.Fatal(err)
		}
		held = append(held, read.Statement...)
	}
	if d := cmp.Diff(Policy(longest), held); d != "" {
		t.Errorf("the documents together (+) are not the policy (-):\n%s", d)
	}
}

// excepted are ARNs that no action takes, according to the reference, and why.
var excepted = map[string]string{
	"arn:aws:sns:eu-west-1:123456789012:greenhouse-alerts:*": "for what is done to a subscription, the reference " +
		"names the topic, as an optional resource. Earlier editions named none. The policy has both, since nobody has " +
		"tried which of them AWS compares, and a topic's subscriptions are nothing else",
	"arn:aws:apigateway:eu-west-1::/apis": "the reference has actions of the same names for both generations of API " +
		"Gateway, and the copy has the resources of the first; the second creates and lists APIs there",
}

// AWS understands every statement: actions, resources and condition keys exist and go together.
func TestPolicyIsInTheAuthorizationReference(t *testing.T) {
	reference, err := authorization.Load()
	if err != nil {
		t.Fatal(err)
	}
	documents, err := Documents(
		Place{Partition: "aws", Region: "eu-west-1", Account: "123456789012", Pipeline: "greenhouse"},
	)
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]bool{}
	for _, document := range documents {
		for _, wrong := range reference.Check(document) {
			arn, _, _ := strings.Cut(wrong, ": no action")
			if met[arn] = true; excepted[arn] == "" {
				t.Error(wrong)
			}
		}
	}
	for arn := range excepted {
		if !met[arn] {
			t.Errorf("the exception for %s is not needed", arn)
		}
	}
}
