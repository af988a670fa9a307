package topicrule

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/smithy-go"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name = "greenhouse_telemetry"
	role = "arn:aws:iam::123456789012:role/greenhouse-rules"
)

func rule() spec.TopicRule {
	return spec.TopicRule{
		SQL:         "SELECT * FROM 'greenhouse/+/telemetry'",
		Description: "telemetry to the stream",
		Actions: []spec.Action{
			{Kinesis: &spec.KinesisAction{RoleARN: role, StreamName: "greenhouse", PartitionKey: "${topic(2)}"}},
		},
		ErrorAction: &spec.Action{
			SQS: &spec.SQSAction{RoleARN: role, QueueURL: "https://sqs.us-east-1.amazonaws.com/123456789012/dead"},
		},
		Tags: map[string]string{"team": "bay & barn = 1", "empty": ""},
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	topicRule, arn := aws.String(name), aws.String("arn:aws:iot:us-east-1:123456789012:rule/"+name)
	replaceByHand := func(edit func(*types.TopicRulePayload)) func(context.Context) error {
		return func(ctx context.Context) error {
			p := payload(rule())
			edit(p)
			_, err := c.IoT().
				ReplaceTopicRule(ctx, &iot.ReplaceTopicRuleInput{RuleName: topicRule, TopicRulePayload: p})
			return err
		}
	}
	replaced := []string{"ReplaceTopicRule"}
	drivertest.Life[spec.TopicRule]{
		Clients: c, Driver: New(c), Name: name, Reads: 1, Full: rule(),
		Steps: []drivertest.Step[spec.TopicRule]{
			{Why: "SQL changed by hand", Fields: []string{"sql"}, Writes: replaced,
				Drift: replaceByHand(func(p *types.TopicRulePayload) { p.Sql = aws.String("SELECT a FROM 'b'") })},
			{Why: "an older SQL version", Fields: []string{"sql"}, Writes: replaced,
				Drift: replaceByHand(
					func(p *types.TopicRulePayload) { p.AwsIotSqlVersion = aws.String("2015-10-08") },
				)},
			{Why: "disabled by hand", Fields: []string{"enabled"}, Writes: replaced,
				Drift: func(ctx context.Context) error {
					_, err := c.IoT().DisableTopicRule(ctx, &iot.DisableTopicRuleInput{RuleName: topicRule})
					return err
				}},
			{Why: "the partition key removed by hand", Fields: []string{"actions"}, Writes: replaced,
				Drift: replaceByHand(func(p *types.TopicRulePayload) { p.Actions[0].Kinesis.PartitionKey = nil })},
			{Why: "an action of a kind without a codec", Fields: []string{"actions"}, Writes: replaced,
				Drift: replaceByHand(func(p *types.TopicRulePayload) {
					p.Actions[0] = types.Action{
						OpenSearch: &types.OpenSearchAction{
							RoleArn:  aws.String(role),
							Endpoint: aws.String("https://e"),
							Index:    aws.String("i"),
							Type:     aws.String("t"),
							Id:       aws.String("1"),
						},
					}
				})},
			{
				Why:    "the error action and the description removed by hand",
				Fields: []string{"description", "error_action"},
				Writes: replaced,
				Drift:  replaceByHand(func(p *types.TopicRulePayload) { p.ErrorAction, p.Description = nil, nil }),
			},
			{Why: "one more action desired", Fields: []string{"actions"}, Writes: replaced,
				Want: drivertest.Changing(func(s *spec.TopicRule) {
					s.Actions = append(s.Actions[:1:1], spec.Action{
						Lambda: &spec.LambdaAction{FunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:f"},
					})
				})},
			{Why: "paused", Fields: []string{"enabled"}, Writes: replaced,
				Want: drivertest.Changing(func(s *spec.TopicRule) { s.Disabled = true })},
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"UntagResource", "TagResource"},
				Drift: func(ctx context.Context) error {
					_, err := c.IoT().TagResource(ctx, &iot.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{
						{
							Key:   aws.String("team"),
							Value: aws.String("x"),
						}, {Key: aws.String("extra"), Value: aws.String("y")},
					}})
					return err
				}},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.IoT().
				CreateTopicRule(ctx, &iot.CreateTopicRuleInput{RuleName: topicRule, TopicRulePayload: payload(rule())})
			return err
		},
	}.Run(t)
}

// moto sees a new role at once and parses no SQL; codes and texts are AWS's [AWS 2.2 CreateTopicRule].
func TestCreateRetriesWhatPasses(t *testing.T) {
	const assume = "iot.amazonaws.com is unable to perform: sts:AssumeRole on resource: " + role
	for _, tc := range []struct {
		why   string
		fault mototest.Fault
		sent  int // CreateTopicRule calls
		fails string
	}{
		{
			why:   "the role is not visible yet",
			fault: mototest.Fault{Code: "InvalidRequestException", Message: assume, Times: 5},
			sent:  6,
		},
		{
			why:   "the response was lost",
			fault: mototest.Fault{Code: "ThrottlingException", Message: "Rate exceeded", Times: 1, After: true},
			sent:  2,
		},
		{
			why:   "the request is invalid for another reason",
			fault: mototest.Fault{Code: "InvalidRequestException", Message: "Kinesis stream name is invalid", Times: 1},
			sent:  1,
			fails: "Kinesis stream name is invalid",
		},
		{
			why: "the SQL does not parse",
			fault: mototest.Fault{
				Code: "SqlParseException", Message: "Expected a FROM, sts:AssumeRole or not", Times: 1},
			sent:  1,
			fails: "Expected a FROM",
		},
	} {
		t.Run(tc.why, func(t *testing.T) {
			server := mototest.Start(t)
			tc.fault.Service, tc.fault.Operation = "iot", "CreateTopicRule"
			server.Fail(t, tc.fault)
			c := drivertest.Clients(t, server)
			d := New(c)
			ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
			id, err := d.Create(t.Context(), ref, rule())
			if tc.fails == "" && (err != nil || id.ID != name) {
				t.Errorf("%+v, %v", id, err)
			}
			if tc.fails != "" && (err == nil || !strings.Contains(err.Error(), tc.fails)) {
				t.Errorf("got %v, want the reason that AWS gave", err)
			}
			if n := c.Requests()["iot:CreateTopicRule"]; n != tc.sent {
				t.Errorf("sent %d creates, want %d", n, tc.sent)
			}
		})
	}
}

func TestCreateGivesUpOnAMissingRole(t *testing.T) {
	server := mototest.Start(t)
	server.Fail(t, mototest.Fault{
		Service:   "iot",
		Operation: "CreateTopicRule",
		Code:      "InvalidRequestException",
		Message:   "unable to perform: sts:AssumeRole",
		Times:     1000,
	})
	_, err := New(
		drivertest.Clients(t, server),
	).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, rule())
	if err == nil || !strings.Contains(err.Error(), "2m0s") || !awsapi.Is(err, "InvalidRequestException") {
		t.Errorf("%v", err)
	}
}

func TestARefusalToReadIsNotAbsence(t *testing.T) {
	server := mototest.Start(t)
	d := New(drivertest.Clients(t, server))
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, rule()); err != nil {
		t.Fatal(err)
	}
	for _, operation := range []string{"GetTopicRule", "DeleteTopicRule"} {
		server.Fail(t, mototest.Fault{
			Service:   "iot",
			Operation: operation,
			Code:      "UnauthorizedException",
			Message:   "Access to topic rule '" + name + "' was denied",
			Times:     1,
		})
	}
	if got, err := d.Observe(t.Context(), ref); got != nil || !awsapi.Is(err, "UnauthorizedException") {
		t.Errorf("observing: %+v, %v", got, err)
	}
	if err := d.Delete(t.Context(), ref); !awsapi.Is(err, "UnauthorizedException") {
		t.Errorf("deleting: %v", err)
	}
}

// AWS allows one listing of the rules per second [AWS 1.1], and a create looks for each rule of the pipeline.
func TestReadersShareAListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(awsapi.New(aws.Config{}, awsapi.Options{})) // every request would fail: there is no region
		underWay := &listing{done: make(chan struct{})}
		d.listing = underWay
		denied := &smithy.GenericAPIError{Code: "UnauthorizedException"}
		var readers sync.WaitGroup
		for i := range 8 {
			readers.Go(func() {
				rule := []string{name, "another"}[i%2]
				absent, err := d.absent(t.Context(), rule, denied)
				if absent != (rule != name) || absent == (err != nil) {
					t.Errorf("%s: %v, %v", rule, absent, err)
				}
			})
		}
		synctest.Wait()
		underWay.names = map[string]bool{name: true}
		close(underWay.done)
		readers.Wait()
	})
}

func TestAFailedListingDoesNotHideTheRefusal(t *testing.T) {
	server := mototest.Start(t)
	server.Fail(t, mototest.Fault{
		Service:   "iot",
		Operation: "ListTopicRules",
		Code:      "AccessDeniedException",
		Message:   "not authorized to perform: iot:ListTopicRules",
		Times:     1,
	})
	got, err := New(
		drivertest.Clients(t, server),
	).Observe(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner})
	if got != nil || err == nil || !strings.Contains(err.Error(), "was denied") ||
		!strings.Contains(err.Error(), "iot:ListTopicRules") {
		t.Errorf("%+v, %v; want both errors", got, err)
	}
}

// A write-only value is compared where it is known, else its version, if there is one.
func TestDiffOfWriteOnlyHeaders(t *testing.T) {
	rule := func(headers ...spec.HTTPHeader) spec.TopicRule {
		return spec.TopicRule{Actions: []spec.Action{{HTTP: &spec.HTTPAction{URL: "https://a", Headers: headers}}}}
	}
	for _, c := range []struct {
		why        string
		have, want spec.HTTPHeader
		differs    bool
	}{
		{"a plan against AWS", spec.HTTPHeader{Key: "k", Value: "s"}, spec.HTTPHeader{Key: "k", Version: 1}, false},
		{"an apply against AWS, the same", spec.HTTPHeader{Key: "k", Value: "s"},
			spec.HTTPHeader{Key: "k", Value: "s", Version: 1}, false},
		{"an apply against AWS, another", spec.HTTPHeader{Key: "k", Value: "s"},
			spec.HTTPHeader{Key: "k", Value: "t", Version: 2}, true},
		{"another header", spec.HTTPHeader{Key: "k", Value: "s"}, spec.HTTPHeader{Key: "l", Version: 1}, true},
		{"descriptions of one version", spec.HTTPHeader{Key: "k", Version: 1},
			spec.HTTPHeader{Key: "k", Value: "t", Version: 1}, false},
		{"descriptions of two versions", spec.HTTPHeader{Key: "k", Version: 1},
			spec.HTTPHeader{Key: "k", Version: 2}, true},
		{"a plain value in its place", spec.HTTPHeader{Key: "k", Version: 1}, spec.HTTPHeader{Key: "k", Value: "v"}, true},
		{"in place of a plain value", spec.HTTPHeader{Key: "k", Value: "v"},
			spec.HTTPHeader{Key: "k", Value: "s", Version: 1}, true},
	} {
		if got := New(nil).Diff(rule(c.have), rule(c.want)); (len(got) > 0) != c.differs {
			t.Errorf("%s: %v", c.why, got)
		}
	}
	if got := New(nil).Diff(rule(), rule(spec.HTTPHeader{Key: "k", Version: 1})); len(got) == 0 {
		t.Error("a header that is missing is no difference")
	}
}
