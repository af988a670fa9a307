package pipeline_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// words makes a pattern of a text as Terraform wraps it: any white space, and the frame's bars, between words.
func words(text string) *regexp.Regexp {
	fields := strings.Fields(text)
	for i, field := range fields {
		fields[i] = regexp.QuoteMeta(field)
	}
	return regexp.MustCompile(strings.Join(fields, `[\s│]+`))
}

// Plan-time errors, in the words that a person reads.
func TestPlanErrors(t *testing.T) {
	w := newLocalAWS(t)
	var steps []resource.TestStep
	for _, c := range []struct{ body, want string }{
		{`name = "Greenhouse"`, `Pipeline name "Greenhouse" is not valid`},
		{`name = "greenhouse-greenhouse-greenhouse-greenhouse"`, `Pipeline name`},
		{"name = \"g-one\"\n topic_prefix = \"a/b/c/d/e\"", `topic_prefix`},
		{"name = \"g-one\"\n topic_prefix = \"farm/+\"", `topic_prefix`},
		{"name = \"g-one\"\n topic_prefix = \"$aws/farm\"", `topic_prefix`},
		{"name = \"g-one\"\n routes = { r = { sql = \"SELECT * FORM 'a'\", republish = { topic = \"b\" } } }",
			`did you mean FROM?`},
		{"name = \"g-one\"\n alerts = { rules = { hot = { when = \"temperature >\" } } }",
			`1:14: expected an expression, found the end`},
		{"name = \"g-one\"\n alerts = { rules = { hot = { when = \"temperature > 1\", severity = \"fatal\" } } }",
			`severity`},
		{"name = \"g-one\"\n stream = { retention_hours = 5 }", `retention_hours`},
		{"name = \"g-one\"\n devices = { d = { attributes = { bay = \"bay one\" } } }", `no spaces`},
		{"name = \"g-one\"\n devices = { d = { csr_pem = \"x\", certificate_pem = \"y\" } }",
			`Device "d" has both csr_pem and certificate_pem`},
		{"name = \"g-one\"\n devices = { d = { csr_pem = \"x\" } }", `csr_pem`},
		{"name = \"g-one\"\n timeouts = { create = \"soon\" }", `Timeout "soon" is not valid`},
	} {
		steps = append(steps,
			resource.TestStep{Config: w.config(pipeline(c.body)), PlanOnly: true, ExpectError: words(c.want)})
	}
	w.run(steps...)
}

func TestAccountClosedToTimestream(t *testing.T) {
	w := newLocalAWS(t)
	w.run(resource.TestStep{
		PreConfig: func() {
			w.Server.Fail(t, mototest.Fault{
				Service:   "timestream-write",
				Operation: "DescribeEndpoints",
				Code:      "AccessDeniedException",
				Message:   "Only existing Timestream for LiveAnalytics customers can access the service.",
				Times:     100,
			})
		},
		Config:      w.config(pipeline("name = \"g-one\"\n timestream = {}")),
		ExpectError: words("The account cannot use Timestream LiveAnalytics"),
	})
}

// An object that is not ours stops a create before its first write.
func TestForeignObject(t *testing.T) {
	w := newLocalAWS(t)
	w.run(
		resource.TestStep{
			PreConfig:   func() { w.MakeStream(t, "greenhouse"); w.mark() },
			Config:      w.config(pipeline(minimal)),
			ExpectError: words(`kinesis stream "greenhouse" belongs to someone else`),
		},
		resource.TestStep{
			PreConfig: func() {
				if err := w.wrote()(nil); err != nil {
					t.Error(err)
				}
				w.RemoveStream(t, "greenhouse")
			},
			Config: w.config(pipeline(minimal)),
		},
	)
}

// A second pipeline of the same name is refused, and the message says how to take the first one over.
func TestSecondPipelineOfTheSameName(t *testing.T) {
	w := newLocalAWS(t)
	second := strings.Replace(pipeline(minimal), `"test"`, `"second"`, 1)
	w.run(resource.TestStep{Config: w.config(pipeline(minimal))},
		resource.TestStep{Config: w.config(pipeline(minimal), second),
			ExpectError: words("terraform import 'iot_pipeline.<LABEL>' 'greenhouse@us-east-1'")})
}

// Two pipelines in one account do not touch each other.
func TestTwoPipelines(t *testing.T) {
	w := newLocalAWS(t)
	second := "resource \"iot_pipeline\" \"second\" {\n  name = \"greenhouse-2\"\n  devices = { \"air-001\" = {} }\n}\n"
	state := &recorded{}
	w.run(
		resource.TestStep{Config: w.config(pipeline(minimal)), Check: state.take},
		resource.TestStep{Config: w.config(pipeline(minimal), second)},
		resource.TestStep{Config: w.config(pipeline(minimal)), Check: func(s *terraform.State) error {
			after := &recorded{}
			if err := after.take(s); err != nil {
				return err
			}
			if after.certificate["soil-001"] != state.certificate["soil-001"] {
				return fmt.Errorf("the first pipeline's device has another certificate")
			}
			return nil
		}},
	)
}

func TestProviderErrors(t *testing.T) {
	w := newLocalAWS(t)
	body := pipeline(minimal)
	var steps []resource.TestStep
	for _, c := range []struct{ config, want string }{
		{strings.Replace(w.config(body), `"us-east-1"`, `"us-esat-1"`, 1), `"us-esat-1" is not an AWS region`},
		{w.provider(`  allowed_account_ids = ["000000000000"]`) + body,
			"the credentials belong to account 123456789012; allowed: 000000000000"},
		{w.provider(`  forbidden_account_ids = ["123456789012"]`) + body,
			"the credentials belong to account 123456789012, which is forbidden"},
		{strings.ReplaceAll(w.config(body), w.Server.URL, "http://127.0.0.1:1"),
			"Connecting to AWS failed: AWS cannot be reached"},
		{strings.ReplaceAll(w.config(body), w.Server.URL, "localhost"), `"localhost" is not a URL`},
		{w.provider(`  retry_mode = "eager"`) + body, "retry_mode"},
	} {
		steps = append(steps, resource.TestStep{Config: c.config, PlanOnly: true, ExpectError: words(c.want)})
	}
	w.run(steps...)
}

func TestWrongCredentials(t *testing.T) {
	w := newLocalAWS(t)
	w.run(resource.TestStep{
		PreConfig: func() {
			w.Server.Fail(t,
				mototest.Fault{Service: "sts", Operation: "GetCallerIdentity", Code: "InvalidClientTokenId",
					Message: "The security token included in the request is invalid.", Times: 100})
		},
		Config:      w.config(pipeline(minimal)),
		ExpectError: words("InvalidClientTokenId: The security token included in the request is invalid."),
	})
}

// A destroy that would lose data refuses before the first delete.
func TestDestroyWithData(t *testing.T) {
	w := newLocalAWS(t)
	const bucket = "greenhouse-123456789012-us-east-1"
	w.run(
		resource.TestStep{Config: w.config(pipeline(minimal))},
		resource.TestStep{
			PreConfig: func() { w.PutObject(t, bucket, "archive/one.json"); w.mark() },
			Config:    w.config(pipeline(minimal)),
			Destroy:   true,
			ExpectError: words(
				`S3 bucket "greenhouse-123456789012-us-east-1" holds 1 object or old version. Nothing was deleted. To delete the data as well, set force_destroy = true`,
			),
		},
		resource.TestStep{
			PreConfig: func() {
				if err := w.wrote()(nil); err != nil {
					t.Error(err)
				}
			},
			Config: w.config(pipeline(minimal + "force_destroy = true")),
		},
	)
}

// A create that stops halfway says what exists and how to go on; after untaint the apply goes on in place.
func TestCreateStopsHalfWay(t *testing.T) {
	w := newLocalAWS(t)
	config := w.config(pipeline(minimal))
	w.run(
		resource.TestStep{
			PreConfig: func() {
				w.Server.Fail(t, mototest.Fault{
					Service:   "kinesis",
					Operation: "CreateStream",
					Code:      "LimitExceededException",
					Message:   "Too many streams.",
					Times:     1,
				})
			},
			Config: config,
			ExpectError: words("LimitExceededException: Too many streams. Delete what the account no longer uses, or " +
				"ask for more in Service Quotas, in the pipeline's region. Exists now and is recorded:"),
		},
		resource.TestStep{Config: config}, // tainted: deleted and re-created
	)
}
