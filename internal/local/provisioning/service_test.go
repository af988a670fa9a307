package provisioning

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

func TestHookIsAskedAndOverrides(t *testing.T) {
	r := start(t)
	var asked preProvisioning
	r.hook = func(_ context.Context, about preProvisioning) (string, error) {
		asked = about
		return `{"allowProvisioning":true,"parameterOverrides":{"site":"hall-9"}}`, nil
	}
	certificate := r.certificate(t, "claim:A1")
	how, answer := r.ask(t, "claim:A1", provisionTopic,
		provisionRequest(t, certificate.text("certificateOwnershipToken"),
			map[string]string{"SerialNumber": "A1", "site": "hall-3", "secret": "s"}))
	if how != "accepted" {
		t.Fatalf("%s: %v", how, answer)
	}
	want := preProvisioning{
		ClaimCertificateID: "claim",
		CertificateID:      certificate.text("certificateId"),
		CertificatePEM:     certificate.text("certificatePem"),
		TemplateARN:        "arn:aws:iot:us-east-1:123456789012:provisioningtemplate/gh",
		ClientID:           "claim:A1",
		Parameters:         map[string]string{"SerialNumber": "A1", "site": "hall-3", "secret": "s"},
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("what the hook was asked (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(document{"thingName": "hall-A1", "deviceConfiguration": map[string]any{"prefix": "gh"}},
		answer); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	thing := must(r.aws.DescribeThing(t.Context(), &iot.DescribeThingInput{ThingName: aws.String("hall-A1")}))(t)
	if diff := cmp.Diff(map[string]string{"iot-pipeline": "token-1", "iot-pipeline-registered": "claim",
		"site": "hall-9"}, thing.Attributes); diff != "" ||
		*thing.ThingTypeName != "gh" {
		t.Errorf("thing of type %s; attributes (-want +got):\n%s", *thing.ThingTypeName, diff)
	}
	if s := r.status(t, certificate.text("certificateId")); s != types.CertificateStatusActive {
		t.Errorf("the certificate is %s", s)
	}
	if e := r.told(t, runlog.Admitted); e.Thing != "claim:A1" || e.Target != "hall-A1" {
		t.Errorf("got event %+v", e)
	}
}

func TestHookThatDoesNotSayYes(t *testing.T) {
	r := start(t)
	for _, c := range []struct {
		why  string
		hook func(context.Context, preProvisioning) (string, error)
		log  string
	}{
		{"a no", func(context.Context, preProvisioning) (string, error) { return `{"allowProvisioning":false}`, nil },
			"denied the request"},
		{"a failure", func(context.Context, preProvisioning) (string, error) { return "", errors.New("no allow-list") },
			"failed: no allow-list"},
		{"a time-out", func(ctx context.Context, _ preProvisioning) (string, error) {
			<-ctx.Done()
			return "", fmt.Errorf("invoking: %w", ctx.Err())
		}, "did not answer within 5s"},
		{"nothing", func(context.Context, preProvisioning) (string, error) { return `null`, nil },
			"denied the request"},
		{"a yes as text", func(context.Context, preProvisioning) (string,
			error) {
			return `{"allowProvisioning":"true"}`, nil
		}, "invalid answer"},
		{"an override that is not text", func(context.Context, preProvisioning) (string, error) {
			return `{"allowProvisioning":true,"parameterOverrides":{"site":3}}`, nil
		}, "invalid answer"},
		{"no JSON", func(context.Context, preProvisioning) (string, error) { return `yes`, nil }, "invalid answer"},
	} {
		t.Run(c.why, func(t *testing.T) {
			r.set(func() { r.hook = c.hook })
			certificate := r.certificate(t, "claim:A1")
			how, answer := r.ask(t, "claim:A1", provisionTopic,
				provisionRequest(t, certificate.text("certificateOwnershipToken"),
					map[string]string{"SerialNumber": "A1", "site": "x"}))
			if want := (document{"statusCode": 403.0, "errorCode": "AccessDenied",
				"errorMessage": "Access denied."}); how != "rejected" ||
				!cmp.Equal(want, answer) {
				t.Errorf("got %s %v, want %v", how, answer, want)
			}
			if e := r.told(t, runlog.Refused); e.Thing != "claim:A1" || e.Action != "provision" ||
				!strings.Contains(e.Detail, c.log) {
				t.Errorf("got event %+v, want one with %q", e, c.log)
			}
			if s := r.status(t, certificate.text("certificateId")); s != types.CertificateStatusInactive {
				t.Errorf("the certificate is %s", s)
			}
		})
	}
}

func TestTemplatesThatCannotBeUsed(t *testing.T) {
	r := start(t)
	const certificate = `"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}`
	for _, c := range []struct {
		why    string
		body   string
		change func(*iot.DescribeProvisioningTemplateOutput)
		code   string
		log    string
	}{
		{"one that is disabled", templateBody,
			func(o *iot.DescribeProvisioningTemplateOutput) { o.Enabled = aws.Bool(false) }, "InvalidTemplate",
			"not enabled"},
		{"one of JITP", templateBody,
			func(o *iot.DescribeProvisioningTemplateOutput) { o.Type = types.TemplateTypeJitp }, "InvalidTemplate",
			"of type JITP"},
		{"one that AWS would not take", `{"Resources":{}}`, nil, "InvalidTemplate", "no AWS::IoT::Certificate"},
		{"one that takes any certificate",
			`{"Parameters":{"SerialNumber":{"Type":"String"}},"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"SerialNumber"}}}}}`, nil, "InvalidTemplate", "not the one issued to the device"},
		{"a parameter without a value", `{"Parameters":{"other":{"Type":"String"}},"Resources":{` + certificate +
			`,"thing":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Ref":"other"}}}}}`, nil,
			"InvalidParameters", `"other"`},
		{"a thing type that is not there", `{"Resources":{` + certificate +
			`,"thing":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"a","ThingTypeName":"none"}}}}`, nil,
			"ResourceRegistrationFailure", "creating the thing"},
		{"a group that is not there", `{"Resources":{` + certificate +
			`,"thing":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"b","ThingGroups":["none"]}}}}`, nil,
			"ResourceRegistrationFailure", "adding the thing to its group"},
		{"a policy that is not there", `{"Resources":{` + certificate +
			`,"p":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"none"}}}}`, nil, "ResourceRegistrationFailure",
			"attaching the policy"},
	} {
		t.Run(c.why, func(t *testing.T) {
			r.aws.template("gh", c.body, func(o *iot.DescribeProvisioningTemplateOutput) {
				if c.change != nil {
					c.change(o)
				}
			})
			made := r.certificate(t, "claim:A1")
			how, answer := r.ask(t, "claim:A1", provisionTopic,
				provisionRequest(t, made.text("certificateOwnershipToken"), map[string]string{"SerialNumber": "A1"}))
			if how != "rejected" || answer.text("errorCode") != c.code {
				t.Errorf("got %s %v, want %s", how, answer, c.code)
			}
			if e := r.told(t, runlog.Refused); !strings.Contains(e.Detail, c.log) {
				t.Errorf("told %q, want %q", e.Detail, c.log)
			}
			if s := r.status(t, made.text("certificateId")); s != types.CertificateStatusInactive {
				t.Errorf("the certificate is %s", s)
			}
		})
	}
}

// A device whose answer was lost asks again, and gets the same: whatever went wrong the first time, and whatever the
// settings for things that exist.
func TestAskingAgain(t *testing.T) {
	r := start(t)
	r.aws.template("gh", strings.NewReplacer(`"DO_NOTHING"`, `"FAIL"`, `"MERGE"`, `"FAIL"`).Replace(templateBody))
	certificate := r.certificate(t, "claim:A1")
	request := provisionRequest(t, certificate.text("certificateOwnershipToken"),
		map[string]string{"SerialNumber": "A1", "site": "hall-3"})
	for _, fault := range []mototest.Fault{ // each twice, as often as the client tries
		{Service: "iot", Operation: "CreateThing", Code: "InternalFailureException", Times: 2, After: true},
		{Service: "iot", Operation: "AddThingToThingGroup", Code: "InternalFailureException", Times: 2},
		{Service: "iot", Operation: "AttachThingPrincipal", Code: "ThrottlingException", Times: 2},
		{Service: "iot", Operation: "UpdateCertificate", Code: "InternalFailureException", Times: 2, After: true},
	} {
		r.server.Fail(t, fault)
		if how, answer := r.ask(t, "claim:A1", provisionTopic, request); how != "rejected" ||
			answer["statusCode"].(float64) < 429 {
			t.Errorf("%s failed: got %s %v", fault.Operation, how, answer)
		}
	}
	for range 2 {
		if how, answer := r.ask(t, "claim:A1", provisionTopic, request); how != "accepted" ||
			answer.text("thingName") != "hall-A1" {
			t.Errorf("got %s %v", how, answer)
		}
	}
	if groups := must(r.aws.ListThingGroupsForThing(t.Context(),
		&iot.ListThingGroupsForThingInput{ThingName: aws.String("hall-A1")}))(t).ThingGroups; len(
		groups,
	) != 1 {
		t.Errorf("the thing is in %d groups", len(groups))
	}
	if s := r.status(t, certificate.text("certificateId")); s != types.CertificateStatusActive {
		t.Errorf("the certificate is %s", s)
	}
	other := r.certificate(t, "claim:A1")
	if how, answer := r.ask(t, "claim:A1", provisionTopic,
		provisionRequest(t, other.text("certificateOwnershipToken"),
			map[string]string{"SerialNumber": "A1", "site": "hall-3"})); how != "rejected" ||
		answer.text("errorCode") != "ResourceConflicts" {
		t.Errorf("another certificate for a thing that exists: got %s %v", how, answer)
	}
}

func TestTokenIsForOneThing(t *testing.T) {
	r := start(t)
	certificate := r.certificate(t, "claim:A1")
	token := certificate.text("certificateOwnershipToken")
	parameters := map[string]string{"SerialNumber": "A1", "site": "hall-3"}
	for range 2 {
		if how, answer := r.ask(t, "claim:A1", provisionTopic,
			provisionRequest(t, token, parameters)); how != "accepted" ||
			answer.text("thingName") != "hall-A1" {
			t.Fatalf("got %s %v", how, answer)
		}
	}
	asked := 0
	r.set(func() {
		r.hook = func(context.Context, preProvisioning) (string, error) {
			asked++
			return `{"allowProvisioning":true}`, nil
		}
	})
	parameters["SerialNumber"] = "A2"
	if how, answer := r.ask(t, "claim:A1", provisionTopic, provisionRequest(t, token, parameters)); how != "rejected" ||
		answer.text("errorCode") != "InvalidCertificateOwnershipToken" {
		t.Errorf("a second thing: got %s %v", how, answer)
	}
	if asked != 0 {
		t.Error("the hook was asked, which would use up the serial")
	}
	if things := must(r.aws.ListThings(t.Context(), &iot.ListThingsInput{}))(t).Things; len(things) != 1 {
		t.Errorf("got %d things", len(things))
	}
}

func TestUnusedCertificatesAreDeletedAfterAnHour(t *testing.T) {
	r := start(t)
	unused, activated, used, fresh := r.certificate(t, "claim:A1"), r.certificate(t,
		"claim:A2"), r.certificate(t, "claim:A3"), document(
		nil,
	)
	must(
		r.aws.UpdateCertificate(t.Context(), &iot.UpdateCertificateInput{
			CertificateId: aws.String(activated.text("certificateId")),
			NewStatus:     types.CertificateStatusActive,
		}),
	)(t)
	if how, answer := r.ask(t, "claim:A3", provisionTopic,
		provisionRequest(t, used.text("certificateOwnershipToken"),
			map[string]string{"SerialNumber": "A3", "site": "x"})); how != "accepted" {
		t.Fatalf("%s: %v", how, answer)
	}
	r.set(func() { r.now = r.now.Add(59 * time.Minute) })
	fresh = r.certificate(t, "claim:A4")
	r.expire(t.Context())
	if s := r.status(t, unused.text("certificateId")); s != types.CertificateStatusInactive {
		t.Errorf("within the hour the unused certificate is %q", s)
	}
	r.set(func() { r.now = r.now.Add(time.Minute) })
	r.server.Fail(t,
		mototest.Fault{Service: "iot", Operation: "DeleteCertificate", Code: "InternalFailureException", Times: 2})
	r.expire(t.Context())
	if e := r.told(t, runlog.Failed); !strings.Contains(e.Error, "deleting the unused certificate") {
		t.Errorf("got event %+v", e)
	}
	if how, answer := r.ask(t, "claim:A1", provisionTopic,
		provisionRequest(t, unused.text("certificateOwnershipToken"), nil)); how != "rejected" ||
		answer.text("errorCode") != "InvalidCertificateOwnershipToken" {
		t.Errorf("a token after its hour, whose certificate could not be deleted: got %s %v", how, answer)
	}
	r.expire(t.Context())
	for _, c := range []struct {
		why         string
		certificate document
		want        types.CertificateStatus
	}{
		{"unused for an hour", unused, ""},
		{"activated by somebody else", activated, types.CertificateStatusActive},
		{"used", used, types.CertificateStatusActive},
		{"a minute old", fresh, types.CertificateStatusInactive},
	} {
		if s := r.status(t, c.certificate.text("certificateId")); s != c.want {
			t.Errorf("%s: the certificate is %q, want %q", c.why, s, c.want)
		}
	}
	r.Close()
	if s := r.status(t, fresh.text("certificateId")); s != "" {
		t.Errorf("at the end the unused certificate is %q", s)
	}
}

func TestThingsThatExist(t *testing.T) {
	body := func(settings string) string {
		return `{"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}},
		 "thing":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":"old","ThingTypeName":"gh","ThingGroups":["gh"],"BillingGroup":"b","AttributePayload":{"a":"new"}},"OverrideSettings":{` + settings + `}}}}`
	}
	type state struct {
		Attributes map[string]string
		Type       string
		Groups     []string
		Billing    string
	}
	before := state{map[string]string{"a": "old", "b": "kept"}, "older", []string{"others"}, ""}
	for _, c := range []struct {
		why, settings string
		accepted      bool
		want          state
	}{
		{"without settings, another thing is a conflict", ``, false, before},
		{"FAIL", `"ThingGroups":"FAIL","AttributePayload":"MERGE","ThingTypeName":"REPLACE"`, false, before},
		{"a setting for one of two that differ", `"AttributePayload":"REPLACE"`, false, before},
		{"DO_NOTHING", `"ThingGroups":"DO_NOTHING","AttributePayload":"DO_NOTHING","ThingTypeName":"DO_NOTHING"`, true,
			state{before.Attributes, "older", before.Groups, "b"}},
		{"MERGE", `"ThingGroups":"MERGE","AttributePayload":"MERGE","ThingTypeName":"DO_NOTHING"`, true,
			state{map[string]string{"a": "new", "b": "kept"}, "older", []string{"gh", "others"}, "b"}},
		{"REPLACE", `"ThingGroups":"REPLACE","AttributePayload":"REPLACE","ThingTypeName":"REPLACE"`, true,
			state{map[string]string{"a": "new"}, "gh", []string{"gh"}, "b"}},
		{"groups without a setting are joined", `"AttributePayload":"DO_NOTHING","ThingTypeName":"DO_NOTHING"`, true,
			state{before.Attributes, "older", []string{"gh", "others"}, "b"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			r := start(t)
			ctx := t.Context()
			must(r.aws.CreateThingType(ctx, &iot.CreateThingTypeInput{ThingTypeName: aws.String("older")}))(t)
			must(r.aws.CreateThingGroup(ctx, &iot.CreateThingGroupInput{ThingGroupName: aws.String("others")}))(t)
			must(r.aws.CreateBillingGroup(ctx, &iot.CreateBillingGroupInput{BillingGroupName: aws.String("b")}))(t)
			must(
				r.aws.CreateThing(ctx, &iot.CreateThingInput{
					ThingName:        aws.String("old"),
					ThingTypeName:    aws.String("older"),
					AttributePayload: &types.AttributePayload{Attributes: before.Attributes},
				}),
			)(t)
			must(r.aws.AddThingToThingGroup(ctx,
				&iot.AddThingToThingGroupInput{ThingName: aws.String("old"), ThingGroupName: aws.String("others")}))(t)
			r.aws.template("gh", body(c.settings))
			certificate := r.certificate(t, "claim:A1")
			how, answer := r.ask(t, "claim:A1", provisionTopic,
				provisionRequest(t, certificate.text("certificateOwnershipToken"), nil))
			if accepted := how == "accepted"; accepted != c.accepted ||
				!accepted && answer.text("errorCode") != "ResourceConflicts" {
				t.Errorf("got %s %v", how, answer)
			}
			thing := must(r.aws.DescribeThing(ctx, &iot.DescribeThingInput{ThingName: aws.String("old")}))(t)
			got := state{thing.Attributes, aws.ToString(thing.ThingTypeName), nil, aws.ToString(thing.BillingGroupName)}
			for _, g := range must(r.aws.ListThingGroupsForThing(ctx,
				&iot.ListThingGroupsForThingInput{ThingName: aws.String("old")}))(t).ThingGroups {
				got.Groups = append(got.Groups, *g.GroupName)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("thing (-want +got):\n%s", diff)
			}
			principals := must(
				r.aws.ListThingPrincipals(ctx, &iot.ListThingPrincipalsInput{ThingName: aws.String("old")}),
			)(t).Principals
			if active := r.status(t,
				certificate.text("certificateId")) == types.CertificateStatusActive; active != c.accepted ||
				len(principals) == 1 != c.accepted {
				t.Errorf("certificate active: %v, attached: %v", active, principals)
			}
		})
	}
}

func TestPoliciesOfTheTemplate(t *testing.T) {
	r := start(t)
	must(
		r.aws.CreatePolicy(
			t.Context(),
			&iot.CreatePolicyInput{PolicyName: aws.String("fleet"), PolicyDocument: aws.String(`{"Statement":[]}`)},
		),
	)(t)
	r.aws.template("gh", `{"Parameters":{"SerialNumber":{"Type":"String"}},"Resources":{
	 "c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"},"Status":"INACTIVE"}},
	 "named":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"fleet"}},
	 "document":{"Type":"AWS::IoT::Policy","Properties":{"PolicyDocument":{"Version":"2012-10-17","Statement":[]}}}}}`,
		func(o *iot.DescribeProvisioningTemplateOutput) { o.PreProvisioningHook = nil })
	for _, serial := range []string{"A1", "A2"} { // the second finds the policy of the first
		certificate := r.certificate(t, "claim:"+serial)
		how, answer := r.ask(t, "claim:"+serial, provisionTopic,
			provisionRequest(t, certificate.text("certificateOwnershipToken"),
				map[string]string{"SerialNumber": serial}))
		if how != "accepted" || answer.text("thingName") != "" {
			t.Fatalf("%s: %v", how, answer)
		}
		if s := r.status(t, certificate.text("certificateId")); s != types.CertificateStatusInactive {
			t.Errorf("the certificate is %s, against the template", s)
		}
		target := "arn:aws:iot:us-east-1:123456789012:cert/" + certificate.text("certificateId")
		if attached := must(r.aws.ListAttachedPolicies(t.Context(),
			&iot.ListAttachedPoliciesInput{Target: &target}))(t).Policies; len(
			attached,
		) != 2 {
			t.Errorf("got policies %v", attached)
		}
	}
}

func TestOtherMessagesAreNoRequests(t *testing.T) {
	r := start(t)
	for _, c := range []struct {
		why     string
		topic   string
		session string
		want    bool
	}{
		{"telemetry", "gh/a/telemetry", "s", false},
		{"a shadow request", "$aws/things/a/shadow/get", "s", false},
		{"an answer, which rules must not see either", createTopic + "/accepted", "s", true},
		{"a request republished by a rule", createTopic, "", true},
	} {
		m := message.New(c.topic, nil)
		m.Session = c.session
		if got := r.Handle(m); got != c.want {
			t.Errorf("%s: handled: %v, want %v", c.why, got, c.want)
		}
	}
	if err := r.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(must(r.aws.ListCertificates(t.Context(), &iot.ListCertificatesInput{}))(t).Certificates); n != 0 {
		t.Errorf("%d certificates were made", n)
	}
}
