package iamrole

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// Delete removes the recorded policies and the role. Only when AWS says that something is left on the role is it
// looked for.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	for _, name := range recorded(ref) {
		if err := d.deletePolicy(ctx, ref.Name, name); err != nil {
			return err
		}
	}
	_, err := d.c.IAM().DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &ref.Name})
	if awsapi.Is(err, "DeleteConflict") {
		if err = d.strip(ctx, ref.Name); err == nil {
			err = d.deleteStripped(ctx, ref.Name)
		}
	}
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// strip removes all policies, inline or attached.
func (d *Driver) strip(ctx context.Context, role string) error {
	names, err := d.policyNames(ctx, role)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := d.deletePolicy(ctx, role, name); err != nil {
			return err
		}
	}
	pages := iam.NewListAttachedRolePoliciesPaginator(d.c.IAM().ListAttachedRolePolicies,
		&iam.ListAttachedRolePoliciesInput{RoleName: &role})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("listing what is attached to it: %w", err)
		}
		for _, p := range page.AttachedPolicies {
			_, err := d.c.IAM().
				DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &role, PolicyArn: p.PolicyArn})
			if err != nil && !awsapi.IsNotFound(err) {
				return fmt.Errorf("detaching %q from it: %w", aws.ToString(p.PolicyArn), err)
			}
		}
	}
	return nil
}

// deleteStripped deletes a role that holds nothing any more, also when a part of IAM has not heard of that.
func (d *Driver) deleteStripped(ctx context.Context, role string) error {
	return d.c.Retry(ctx, "waiting until IAM knows that the role holds nothing", propagationTimeout,
		func(err error) bool { return awsapi.Is(err, "DeleteConflict") },
		func(ctx context.Context) error {
			_, err := d.c.IAM().DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &role})
			return err
		})
}

func (d *Driver) deletePolicy(ctx context.Context, role, name string) error {
	_, err := d.c.IAM().DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &name})
	if err != nil && !awsapi.IsNotFound(err) {
		return fmt.Errorf("deleting its policy %q: %w", name, err)
	}
	return nil
}
