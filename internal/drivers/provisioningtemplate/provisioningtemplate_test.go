package provisioningtemplate

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name     = "greenhouse"
	arn      = "arn:aws:iot:us-east-1:123456789012:provisioningtemplate/" + name
	role     = "arn:aws:iam::123456789012:role/greenhouse-registration"
	function = "arn:aws:lambda:us-east-1:123456789012:function:greenhouse-provisioning"
)

func body(thing string) string {
	return fmt.Sprintf(`{"Parameters":{"SerialNumber":{"Type":"String"}},"Resources":{"thing":{"Type":"AWS::IoT::Thing",
		"Properties":{"ThingName":{"Fn::Join":["-",["%s",{"Ref":"SerialNumber"}]]}}}}}`, thing)
}

func template() spec.ProvisioningTemplate {
	return spec.ProvisioningTemplate{
		Type:        spec.TemplateFleetProvisioning,
		Description: "registers devices",
		Body:        body("dev"),
		RoleARN:     role,
		HookARN:     function,
		Tags:        map[string]string{"team": "bay"},
	}
}

// moto knows templates through this repository's launcher only (launcher/amend/provisioning.py); the wire shapes are
// tested below.
func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	byHand := func(edit func(*iot.UpdateProvisioningTemplateInput)) func(context.Context) error {
		return func(ctx context.Context) error {
			in := &iot.UpdateProvisioningTemplateInput{TemplateName: aws.String(name)}
			edit(in)
			_, err := c.IoT().UpdateProvisioningTemplate(ctx, in)
			return err
		}
	}
	newVersion := func(text string, inForce bool) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.IoT().
				CreateProvisioningTemplateVersion(ctx,
					&iot.CreateProvisioningTemplateVersionInput{TemplateName: aws.String(name), TemplateBody: &text,
						SetAsDefault: inForce})
			return err
		}
	}
	updated, versioned := []string{"UpdateProvisioningTemplate"}, []string{"CreateProvisioningTemplateVersion"}
	drivertest.Life[spec.ProvisioningTemplate]{
		Clients: c, Driver: New(c), Name: name, Reads: 1, Full: template(),
		Steps: []drivertest.Step[spec.ProvisioningTemplate]{
			{Why: "disabled by hand", Fields: []string{"enabled"}, Writes: updated,
				Drift: byHand(func(in *iot.UpdateProvisioningTemplateInput) { in.Enabled = aws.Bool(false) })},
			{Why: "the hook taken off by hand", Fields: []string{"hook"}, Writes: updated,
				Drift: byHand(
					func(in *iot.UpdateProvisioningTemplateInput) { in.RemovePreProvisioningHook = aws.Bool(true) },
				)},
			{
				Why:    "everything changed by hand takes one call",
				Fields: []string{"description", "role", "hook", "enabled"},
				Writes: updated,
				Drift: byHand(func(in *iot.UpdateProvisioningTemplateInput) {
					in.Description, in.ProvisioningRoleArn, in.Enabled = aws.String("mine"), aws.String(
						role+"-other",
					), aws.Bool(false)
					in.PreProvisioningHook = hook(function + "-other")
				}),
			},
			{
				Why:    "another body by hand",
				Fields: []string{"body"},
				Writes: versioned,
				Drift:  newVersion(body("mine"), true),
			},
			{Why: "another body wanted", Fields: []string{"body"}, Writes: versioned,
				Want: drivertest.Changing(func(s *spec.ProvisioningTemplate) { s.Body = body("sensor") })},
			{Why: "a version that is not in force", Drift: newVersion(body("mine"), false)},
			{Why: "the sixth version: the oldest makes room", Fields: []string{"body"},
				Writes: []string{
					"CreateProvisioningTemplateVersion",
					"DeleteProvisioningTemplateVersion",
					"CreateProvisioningTemplateVersion",
				},
				Want: drivertest.Changing(func(s *spec.ProvisioningTemplate) { s.Body = body("sixth") })},
			{Why: "no hook wanted", Fields: []string{"hook"}, Writes: updated,
				Want: drivertest.Changing(func(s *spec.ProvisioningTemplate) { s.HookARN = "" })},
			{Why: "no description wanted", Fields: []string{"description"}, Writes: updated,
				Want: drivertest.Changing(func(s *spec.ProvisioningTemplate) { s.Description = "" })},
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"UntagResource", "TagResource"},
				Drift: func(ctx context.Context) error {
					_, err := c.IoT().
						TagResource(ctx, &iot.TagResourceInput{ResourceArn: aws.String(arn), Tags: []types.Tag{
							{
								Key:   aws.String("team"),
								Value: aws.String("x"),
							}, {Key: aws.String("extra"), Value: aws.String("y")}}})
					return err
				}},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.IoT().
				CreateProvisioningTemplate(ctx, &iot.CreateProvisioningTemplateInput{TemplateName: aws.String(name),
					TemplateBody: aws.String(body("x")), ProvisioningRoleArn: aws.String(role)})
			return err
		},
	}.Run(t)
}

func TestJITP(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	d := New(c)
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	want := spec.ProvisioningTemplate{Type: spec.TemplateJITP, Body: body("dev"), RoleARN: role}
	if _, err := d.Create(t.Context(), ref, want); err != nil {
		t.Fatal(err)
	}
	got, err := d.Observe(t.Context(), ref)
	if err != nil || len(d.Diff(got.Spec, want)) > 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if diff := cmp.Diff(
		[]assembly.Change{{Field: "type", Replace: true}},
		d.Diff(got.Spec,
			spec.ProvisioningTemplate{Type: spec.TemplateFleetProvisioning, Body: body("dev"), RoleARN: role}),
	); diff != "" {
		t.Errorf("the type cannot be changed (-want +got):\n%s", diff)
	}
}

func TestBodiesAreComparedByMeaning(t *testing.T) {
	for _, tc := range []struct {
		why, a, b string
		same      bool
	}{
		{"white space and the order of keys", `{"a":1,"b":{"c":[1,2]}}`, "{ \"b\": {\"c\":[1, 2]},\n\"a\":1 }", true},
		{"the order of a function's arguments counts", `{"Fn::Join":["",["a","b"]]}`, `{"Fn::Join":["",["b","a"]]}`,
			false},
		{"a list of one is not its element", `{"ThingGroups":["a"]}`, `{"ThingGroups":"a"}`, false},
		{"numbers are not rounded", `{"a":12345678901234567890}`, `{"a":12345678901234567891}`, false},
		{"no JSON", `{`, `{`, true},
		{"JSON against none", `{}`, `{`, false},
		{"text behind it", `{}`, `{} x`, false},
	} {
		if got := sameJSON(tc.a, tc.b); got != tc.same {
			t.Errorf("%s: %t", tc.why, got)
		}
	}
}

// moto sees a role at once and has no second writer; codes are of AWS's model, the text about the role is not
// documented (C).
func TestWhatAWSRefusesAtFirst(t *testing.T) {
	const assume = "Role " + role + " cannot be assumed by AWS IoT"
	for _, tc := range []struct {
		why   string
		fault mototest.Fault
		sent  int // CreateProvisioningTemplate calls
		fails string
	}{
		{why: "the role is not there yet", fault: mototest.Fault{Code: "InvalidRequestException", Message: assume,
			Times: 5}, sent: 6},
		{why: "the answer was lost", fault: mototest.Fault{Code: "ThrottlingException", Message: "Rate exceeded",
			Times: 1, After: true}, sent: 2},
		{why: "another request that is invalid", fault: mototest.Fault{Code: "InvalidRequestException",
			Message: "Invalid template body", Times: 1}, sent: 1,
			fails: "Invalid template body"},
	} {
		t.Run(tc.why, func(t *testing.T) {
			server := mototest.Start(t)
			tc.fault.Service, tc.fault.Operation = "iot", "CreateProvisioningTemplate"
			server.Fail(t, tc.fault)
			c := drivertest.Clients(t, server)
			id, err := New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, template())
			if tc.fails == "" && (err != nil || id.ID != name || id.ARN != arn) {
				t.Errorf("%+v, %v", id, err)
			}
			if tc.fails != "" && (err == nil || !strings.Contains(err.Error(), tc.fails)) {
				t.Errorf("got %v, want AWS's reason", err)
			}
			if n := c.Requests()["iot:CreateProvisioningTemplate"]; n != tc.sent {
				t.Errorf("sent %d creates, want %d", n, tc.sent)
			}
		})
	}
}

func TestDeletionWaitsForTheAuthorityToGo(t *testing.T) {
	server := mototest.Start(t)
	d := New(drivertest.Clients(t, server))
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	refusal := mototest.Fault{
		Service:   "iot",
		Operation: "DeleteProvisioningTemplate",
		Code:      "DeleteConflictException",
		Message:   "attached to one or more resources",
		Times:     10,
	}
	for _, code := range []string{"DeleteConflictException", "ConflictingResourceUpdateException"} {
		if _, err := d.Create(t.Context(), ref, template()); err != nil {
			t.Fatal(err)
		}
		refusal.Code = code
		server.Fail(t, refusal)
		if err := d.Delete(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Create(t.Context(), ref, template()); err != nil {
		t.Fatal(err)
	}
	refusal.Times = 1000
	server.Fail(t, refusal)
	if err := d.Delete(t.Context(), ref); !awsapi.Is(err, "ConflictingResourceUpdateException") ||
		!strings.Contains(err.Error(), "2m0s") {
		t.Errorf("after two minutes: %v", err)
	}
}

// Shapes of the API reference, against a stub: what moto answers to these calls is this repository's own work.
func TestWireShapes(t *testing.T) {
	sent := map[string]map[string]any{}
	described := `{"templateArn":"` + arn + `","templateName":"` + name +
		`","description":"d","creationDate":1.7E9,"lastModifiedDate":1.7E9,"defaultVersionId":3,
		"templateBody":"{\"Resources\":{}}","enabled":true,"provisioningRoleArn":"` + role + `","preProvisioningHook":{"payloadVersion":"2020-04-01","targetArn":"` + function + `"},"type":"FLEET_PROVISIONING"}`
	full := false // no room for another version
	c := drivertest.RESTStub(t, func(call string, input map[string]any) string {
		sent[call] = input
		switch call {
		case "POST /provisioning-templates":
			return `{"templateArn":"` + arn + `","templateName":"` + name + `","defaultVersionId":1}`
		case "GET /provisioning-templates/" + name:
			return described
		case "GET /provisioning-templates/gone":
			return `{"__type":"ResourceNotFoundException","message":"not found"}`
		case "POST /provisioning-templates/" + name + "/versions?setAsDefault=true":
			if full {
				full = false
				return `{"__type":"VersionsLimitExceededException","message":"full"}`
			}
			return `{"templateArn":"` + arn + `","templateName":"` + name + `","versionId":6,"isDefaultVersion":true}`
		case "GET /provisioning-templates/" + name + "/versions":
			return `{"versions":[{"versionId":5,"creationDate":1.7E9,"isDefaultVersion":false}],"nextToken":"more"}`
		case "GET /provisioning-templates/" + name + "/versions?nextToken=more":
			return `{"versions":[{"versionId":3,"creationDate":1.7E9,"isDefaultVersion":true},{"versionId":2,"creationDate":1.7E9,"isDefaultVersion":false}]}`
		case "PATCH /provisioning-templates/" + name,
			"DELETE /provisioning-templates/" + name + "/versions/2",
			"DELETE /provisioning-templates/" + name:
			return `{}`
		case "GET /tags?resourceArn=" + strings.ReplaceAll(strings.ReplaceAll(arn, ":", "%3A"), "/", "%2F"):
			return `{"tags":[{"Key":"` + spec.OwnerTag + `","Value":"` + drivertest.Owner +
				`"},{"Key":"team","Value":"bay"}]}`
		}
		t.Errorf("unexpected %s", call)
		return `{}`
	})
	d, ctx, ref := New(c), t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}

	if id, err := d.Create(ctx, ref, template()); err != nil || id.ID != name || id.ARN != arn {
		t.Fatalf("%+v, %v", id, err)
	}
	created := map[string]any{
		"templateName":        name,
		"description":         "registers devices",
		"templateBody":        body("dev"),
		"enabled":             true,
		"provisioningRoleArn": role,
		"type":                "FLEET_PROVISIONING",
		"preProvisioningHook": map[string]any{"payloadVersion": "2020-04-01", "targetArn": function},
		"tags": []any{
			map[string]any{"Key": spec.OwnerTag, "Value": drivertest.Owner},
			map[string]any{"Key": "team", "Value": "bay"},
		},
	}
	if diff := cmp.Diff(created, sent["POST /provisioning-templates"]); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	have, err := d.Observe(ctx, ref.InFull())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(
		spec.ProvisioningTemplate{
			Type:        "FLEET_PROVISIONING",
			Description: "d",
			Body:        `{"Resources":{}}`,
			RoleARN:     role,
			HookARN:     function,
			Tags:        map[string]string{"team": "bay"},
		},
		have.Spec,
	); diff != "" ||
		have.Owner != drivertest.Owner {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
	if gone, err := d.Observe(ctx, assembly.Ref{Name: "gone"}); gone != nil || err != nil {
		t.Errorf("absent: %+v, %v", gone, err)
	}
	full = true
	want := spec.ProvisioningTemplate{
		Type:        "FLEET_PROVISIONING",
		Description: "new",
		Body:        body("dev"),
		RoleARN:     role,
		Tags:        map[string]string{"team": "bay"},
	}
	if _, err := d.Update(ctx, ref, have, want, d.Diff(have.Spec, want)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"description": "new", "removePreProvisioningHook": true},
		sent["PATCH /provisioning-templates/"+name]); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if _, deleted := sent["DELETE /provisioning-templates/"+name+"/versions/2"]; !deleted {
		text, _ := json.Marshal(sent)
		t.Errorf("the oldest version that is not in force was to be deleted; sent %s", text)
	}
	if err := d.Delete(ctx, ref); err != nil {
		t.Error(err)
	}
}
