package function

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const invokeAction = "lambda:InvokeFunction"

// permissions reads the function's resource policy; a function without one has none.
func (d *Driver) permissions(ctx context.Context, name string) ([]spec.Permission, error) {
	out, err := d.c.Lambda().GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &name})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading its permissions: %w", err)
	}
	return parsePolicy(aws.ToString(out.Policy))
}

// statement is one statement of a resource policy in the form that AddPermission writes [AWS 2.2 AddPermission].
type statement struct {
	Sid       string
	Effect    string
	Principal json.RawMessage
	Action    string
	Condition map[string]map[string]string
}

func parsePolicy(text string) ([]spec.Permission, error) {
	var policy struct{ Statement []json.RawMessage }
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		return nil, fmt.Errorf("reading its resource policy: %w", err)
	}
	list := make([]spec.Permission, 0, len(policy.Statement))
	for _, raw := range policy.Statement {
		list = append(list, permissionOf(raw))
	}
	return list, nil
}

// permissionOf reads one statement. A statement in any other form than ours keeps its ID and differs from everything
// wanted, so that it is removed.
func permissionOf(raw json.RawMessage) spec.Permission {
	var s statement
	if json.Unmarshal(raw, &s) != nil {
		var only struct{ Sid string }
		_ = json.Unmarshal(raw, &only) // no ID then: RemovePermission will say so
		return spec.Permission{StatementID: only.Sid, Principal: string(raw)}
	}
	var principal struct{ Service string }
	if json.Unmarshal(s.Principal, &principal) != nil || principal.Service == "" || s.Effect != "Allow" ||
		s.Action != invokeAction {
		return spec.Permission{StatementID: s.Sid, Principal: string(raw)}
	}
	p := spec.Permission{StatementID: s.Sid, Principal: principal.Service}
	for _, conditions := range s.Condition {
		for key, value := range conditions {
			switch strings.ToLower(key) { // AWS writes AWS:SourceArn
			case "aws:sourcearn":
				p.SourceARN = value
			case "aws:sourceaccount":
				p.SourceAccount = value
			}
		}
	}
	return p
}

func ordered(list []spec.Permission) []spec.Permission {
	return slices.SortedFunc(slices.Values(list),
		func(a, b spec.Permission) int { return cmp.Compare(a.StatementID, b.StatementID) })
}

// updatePermissions removes what is not wanted and adds what is missing, one after the other: Lambda loses statements
// that are added at the same time [AWS 2.2 AddPermission].
func (d *Driver) updatePermissions(ctx context.Context, name string, have, want []spec.Permission) error {
	for _, p := range ordered(have) {
		if slices.Contains(want, p) {
			continue
		}
		err := d.retry(ctx, "waiting until Lambda takes the removal of a permission", func(ctx context.Context) error {
			_, err := d.c.Lambda().RemovePermission(ctx,
				&lambda.RemovePermissionInput{FunctionName: &name, StatementId: &p.StatementID})
			return err
		})
		if err != nil && !awsapi.IsNotFound(err) {
			return fmt.Errorf("removing permission %q: %w", p.StatementID, err)
		}
	}
	for _, p := range ordered(want) {
		if slices.Contains(have, p) {
			continue
		}
		if err := d.addPermission(ctx, name, p); err != nil {
			return fmt.Errorf("adding permission %q: %w", p.StatementID, err)
		}
	}
	return nil
}

func (d *Driver) addPermission(ctx context.Context, name string, p spec.Permission) error {
	in := &lambda.AddPermissionInput{
		FunctionName: &name,
		StatementId:  &p.StatementID,
		Action:       aws.String(invokeAction),
		Principal:    &p.Principal,
	}
	if p.SourceARN != "" {
		in.SourceArn = &p.SourceARN
	}
	if p.SourceAccount != "" {
		in.SourceAccount = &p.SourceAccount
	}
	err := d.retry(ctx, "waiting until Lambda takes a permission", func(ctx context.Context) error {
		_, err := d.c.Lambda().AddPermission(ctx, in)
		return err
	})
	// Statements of this ID with another content were removed just before, so the one that exists is an earlier try
	// of this.
	if awsapi.Is(err, "ResourceConflictException") && awsapi.MessageHas(err, "already exist") {
		return nil
	}
	return err
}
