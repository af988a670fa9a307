package iamrole

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name     = "greenhouse-rules"
	boundary = "arn:aws:iam::123456789012:policy/boundary"
)

func trust(service string) string {
	return fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"%s"},"Action":"sts:AssumeRole",
		"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:iot:us-east-1:123456789012:rule/a+b"}}}]}`,
		service,
	)
}

func policy(action string) string {
	return fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["%s"],"Resource":"*"}]}`,
		action,
	)
}

func wanted() spec.Role {
	return spec.Role{
		Description: "rules of greenhouse", Path: "/iot/", Trust: trust("iot.amazonaws.com"),
		Inline: map[string]string{"stream": policy("kinesis:PutRecord"), "dead=letters": policy("sqs:SendMessage")},
		Tags:   map[string]string{"team": "bay"},
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	role := aws.String(name)
	put := func(ctx context.Context, name, document string) error {
		_, err := c.IAM().
			PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role, PolicyName: &name, PolicyDocument: &document})
		return err
	}
	out, err := c.IAM().
		CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("boundary"),
			PolicyDocument: aws.String(policy("*"))})
	if err != nil || aws.ToString(out.Policy.Arn) != boundary {
		t.Fatal(out, err)
	}
	drivertest.Life[spec.Role]{
		Clients: c, Driver: New(c), Name: name, Reads: 3, Full: wanted(),
		Steps: []drivertest.Step[spec.Role]{
			{Why: "description changed by hand", Fields: []string{"description"}, Writes: []string{"UpdateRole"},
				Drift: func(ctx context.Context) error {
					_, err := c.IAM().
						UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: role, Description: aws.String("mine")})
					return err
				}},
			{Why: "trust widened by hand", Fields: []string{"trust"}, Writes: []string{"UpdateAssumeRolePolicy"},
				Drift: func(ctx context.Context) error {
					_, err := c.IAM().
						UpdateAssumeRolePolicy(ctx,
							&iam.UpdateAssumeRolePolicyInput{RoleName: role,
								PolicyDocument: aws.String(trust("ec2.amazonaws.com"))})
					return err
				}},
			{Why: "a policy widened by hand", Fields: []string{"policies"}, Writes: []string{"PutRolePolicy"},
				Drift: func(ctx context.Context) error { return put(ctx, "stream", policy("kinesis:*")) }},
			{Why: "the same policy in other words makes no difference",
				Drift: func(ctx context.Context) error {
					return put(
						ctx,
						"stream",
						`{"Statement": {"Resource": ["*"], "Action": "kinesis:PutRecord", "Effect": "Allow"}, "Version": "2012-10-17"}`,
					)
				}},
			{Why: "a policy added by hand", Fields: []string{"policies"}, Writes: []string{"DeleteRolePolicy"},
				Drift: func(ctx context.Context) error { return put(ctx, "more", policy("s3:*")) }},
			{Why: "a policy deleted by hand", Fields: []string{"policies"}, Writes: []string{"PutRolePolicy"},
				Drift: func(ctx context.Context) error {
					_, err := c.IAM().
						DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: role,
							PolicyName: aws.String("stream")})
					return err
				}},
			{Why: "a boundary wanted", Fields: []string{"boundary"}, Writes: []string{"PutRolePermissionsBoundary"},
				Want: drivertest.Changing(func(s *spec.Role) { s.Boundary = boundary })},
			{Why: "no boundary wanted", Fields: []string{"boundary"}, Writes: []string{"DeleteRolePermissionsBoundary"},
				Want: drivertest.Changing(func(s *spec.Role) { s.Boundary = "" })},
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"TagRole"},
				Drift: func(ctx context.Context) error {
					_, err := c.IAM().UntagRole(ctx, &iam.UntagRoleInput{RoleName: role, TagKeys: []string{"team"}})
					return err
				}},
			{
				Why:    "another set of policies wanted",
				Fields: []string{"policies"},
				Writes: []string{"PutRolePolicy", "DeleteRolePolicy"},
				Want: drivertest.Changing(func(s *spec.Role) {
					s.Inline = map[string]string{"stream": s.Inline["stream"], "archive": policy("s3:PutObject")}
				}),
			},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.IAM().
				CreateRole(ctx, &iam.CreateRoleInput{RoleName: role,
					AssumeRolePolicyDocument: aws.String(trust("ec2.amazonaws.com"))})
			return err
		},
	}.Run(t)
}

func TestAnotherPathIsAReplacement(t *testing.T) {
	changes := New(awsapi.New(aws.Config{}, awsapi.Options{})).Diff(spec.Role{Path: "/"}, spec.Role{Path: "/iot/"})
	if len(changes) != 1 || changes[0] != (assembly.Change{Field: "path", Replace: true}) {
		t.Errorf("%v", changes)
	}
	if changes := New(awsapi.New(aws.Config{}, awsapi.Options{})).Diff(spec.Role{Path: "/"}, spec.Role{}); len(
		changes,
	) > 0 {
		t.Errorf("no path is the root: %v", changes)
	}
}

func TestARecordedRoleIsReadByItsPolicies(t *testing.T) {
	server := mototest.Start(t)
	c := drivertest.Clients(t, server)
	d := New(c)
	want := spec.Role{
		Trust:  trust("iot.amazonaws.com"),
		Inline: map[string]string{"stream": policy("kinesis:PutRecord")},
	}
	id, err := d.Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, want)
	if err != nil {
		t.Fatal(err)
	}
	before := len(server.Requests(t))
	got, err := d.Observe(t.Context(),
		assembly.Ref{Name: name, ID: id.ID, Owner: drivertest.Owner, Outputs: id.Outputs})
	if err != nil || len(d.Diff(got.Spec, want)) > 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if sent := server.Requests(t)[before:]; len(sent) != 2 {
		t.Errorf("sent %v, want two reads", sent)
	}
}

// moto knows a role everywhere at once.
func TestANewRoleMayBeUnknownForAWhile(t *testing.T) {
	server := mototest.Start(t)
	server.Fail(t, mototest.Fault{
		Service:   "iam",
		Operation: "PutRolePolicy",
		Code:      "NoSuchEntity",
		Message:   "The role with name " + name + " cannot be found.",
		Times:     4,
	})
	d := New(drivertest.Clients(t, server))
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, wanted()); err != nil {
		t.Fatal(err)
	}
	got, err := d.Observe(t.Context(), ref)
	if err != nil || len(d.Diff(got.Spec, wanted())) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestCreateThatIsCutShortLeavesItsIdentity(t *testing.T) {
	server := mototest.Start(t)
	server.Fail(t, mototest.Fault{
		Service:   "iam",
		Operation: "PutRolePolicy",
		Code:      "MalformedPolicyDocument",
		Message:   "Syntax errors in policy.",
		Times:     1,
	})
	d := New(drivertest.Clients(t, server))
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	id, err := d.Create(t.Context(), ref, wanted())
	if id.ID != name || !awsapi.Is(err, "MalformedPolicyDocument") {
		t.Fatalf("%+v, %v", id, err)
	}
	if again, err := d.Create(t.Context(), ref, wanted()); err != nil ||
		again.Outputs[policiesOutput] != "dead=letters stream" {
		t.Errorf("resuming: %+v, %v", again, err)
	}
}

func TestDeleteRemovesWhatOthersPutOnTheRole(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	d := New(c)
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	if _, err := d.Create(t.Context(), ref, wanted()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.IAM().
		AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String(name),
			PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}); err != nil {
		t.Fatal(err)
	}
	// Without Outputs nothing is known of the role's policies.
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Observe(t.Context(), ref); got != nil || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDeleteAsksOnceForEachKnownPolicy(t *testing.T) {
	server := mototest.Start(t)
	d := New(drivertest.Clients(t, server))
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	id, err := d.Create(t.Context(), ref, wanted())
	if err != nil {
		t.Fatal(err)
	}
	ref.ID, ref.Outputs = id.ID, id.Outputs
	before := len(server.Requests(t))
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if sent := server.Requests(t)[before:]; len(sent) != 3 {
		t.Errorf("sent %v, want two policies and the role", sent)
	}
}
