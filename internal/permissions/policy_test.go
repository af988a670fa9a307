package permissions

import (
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
}

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
	for _, dir := range []string{"drivers", "certs", "credstore", "awsapi"} {
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
	`\b(iot|kinesis|timestreamwrite|timestreaminfluxdb|dynamodb|s3|sns|sqs|iam|lambda|cloudwatch|cloudwatchlogs|firehose|glue|athena|ssm|secretsmanager|sts|kms|scheduler)\.([A-Z][A-Za-z]+)Input\b`,
)

func callsBelow(t *testing.T, root string) map[string]bool {
	t.Helper()
	named := map[string]string{"timestreamwrite": "timestream", "timestreaminfluxdb": "timestream-influxdb", "cloudwatchlogs": "logs"}
	actions := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
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

// The guide shows the policy as it is; -update writes it there.
func TestGuideShowsThePolicy(t *testing.T) {
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "```json\n", "\n```\n"
	head, rest, ok := strings.Cut(string(text), begin)
	shown, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatal("the guide has no JSON block")
	}
	want, err := Document(Place{Partition: "aws", Region: "eu-west-1", Account: "123456789012", Pipeline: "greenhouse"})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(guide, []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, shown); d != "" {
		t.Errorf("the guide differs (go test ./internal/permissions -update):\n%s", d)
	}
}

// IAM's limit for a managed policy is 6144 characters without white space [IAM quotas].
func TestPolicyFitsIntoManagedPolicies(t *testing.T) {
	text, err := Document(Place{
		Partition: "aws-us-gov",
		Region:    "ap-northeast-1",
		Account:   "123456789012",
		Pipeline:  strings.Repeat("n", 32),
	})
	if err != nil {
		t.Fatal(err)
	}
	n := len(strings.Join(strings.Fields(text), ""))
	t.Logf("%d characters with the longest names", n)
	if n > 2*6144 {
		t.Errorf("the policy has %d characters; two managed policies hold %d", n, 2*6144)
	}
}

// subscriptions are ARNs that no action takes, according to the reference: for what is done to a subscription it names
// the topic, as an optional resource. Earlier editions named none. The policy has both, since nobody has tried which of
// them AWS compares, and a topic's subscriptions are nothing else.
const subscriptions = "arn:aws:sns:eu-west-1:123456789012:greenhouse-alerts:*"

// AWS understands every statement: actions, resources and condition keys exist and go together.
func TestPolicyIsInTheAuthorizationReference(t *testing.T) {
	reference, err := authorization.Load()
	if err != nil {
		t.Fatal(err)
	}
	document, err := Document(
		Place{Partition: "aws", Region: "eu-west-1", Account: "123456789012", Pipeline: "greenhouse"},
	)
	if err != nil {
		t.Fatal(err)
	}
	excepted := false
	for _, wrong := range reference.Check(document) {
		if strings.HasPrefix(wrong, subscriptions+": no action") {
			excepted = true
			continue
		}
		t.Error(wrong)
	}
	if !excepted {
		t.Error("the exception for subscriptions is not needed")
	}
}
