package awsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// IAM are the operations of IAM that the project uses.
type IAM struct {
	Options                       func() iam.Options
	AttachRolePolicy              Call[iam.AttachRolePolicyInput, iam.Options, iam.AttachRolePolicyOutput]
	CreatePolicy                  Call[iam.CreatePolicyInput, iam.Options, iam.CreatePolicyOutput]
	CreateRole                    Call[iam.CreateRoleInput, iam.Options, iam.CreateRoleOutput]
	DeleteRole                    Call[iam.DeleteRoleInput, iam.Options, iam.DeleteRoleOutput]
	DeleteRolePermissionsBoundary Call[iam.DeleteRolePermissionsBoundaryInput, iam.Options, iam.DeleteRolePermissionsBoundaryOutput]
	DeleteRolePolicy              Call[iam.DeleteRolePolicyInput, iam.Options, iam.DeleteRolePolicyOutput]
	DetachRolePolicy              Call[iam.DetachRolePolicyInput, iam.Options, iam.DetachRolePolicyOutput]
	GetRole                       Call[iam.GetRoleInput, iam.Options, iam.GetRoleOutput]
	GetRolePolicy                 Call[iam.GetRolePolicyInput, iam.Options, iam.GetRolePolicyOutput]
	ListAttachedRolePolicies      IAMListAttachedRolePolicies
	ListRolePolicies              IAMListRolePolicies
	ListRoles                     Call[iam.ListRolesInput, iam.Options, iam.ListRolesOutput]
	PutRolePermissionsBoundary    Call[iam.PutRolePermissionsBoundaryInput, iam.Options, iam.PutRolePermissionsBoundaryOutput]
	PutRolePolicy                 Call[iam.PutRolePolicyInput, iam.Options, iam.PutRolePolicyOutput]
	TagRole                       Call[iam.TagRoleInput, iam.Options, iam.TagRoleOutput]
	UntagRole                     Call[iam.UntagRoleInput, iam.Options, iam.UntagRoleOutput]
	UpdateAssumeRolePolicy        Call[iam.UpdateAssumeRolePolicyInput, iam.Options, iam.UpdateAssumeRolePolicyOutput]
	UpdateRole                    Call[iam.UpdateRoleInput, iam.Options, iam.UpdateRoleOutput]
}

func newIAM(c *iam.Client) *IAM {
	return &IAM{
		Options:                       c.Options,
		AttachRolePolicy:              c.AttachRolePolicy,
		CreatePolicy:                  c.CreatePolicy,
		CreateRole:                    c.CreateRole,
		DeleteRole:                    c.DeleteRole,
		DeleteRolePermissionsBoundary: c.DeleteRolePermissionsBoundary,
		DeleteRolePolicy:              c.DeleteRolePolicy,
		DetachRolePolicy:              c.DetachRolePolicy,
		GetRole:                       c.GetRole,
		GetRolePolicy:                 c.GetRolePolicy,
		ListAttachedRolePolicies:      c.ListAttachedRolePolicies,
		ListRolePolicies:              c.ListRolePolicies,
		ListRoles:                     c.ListRoles,
		PutRolePermissionsBoundary:    c.PutRolePermissionsBoundary,
		PutRolePolicy:                 c.PutRolePolicy,
		TagRole:                       c.TagRole,
		UntagRole:                     c.UntagRole,
		UpdateAssumeRolePolicy:        c.UpdateAssumeRolePolicy,
		UpdateRole:                    c.UpdateRole,
	}
}

// IAMListAttachedRolePolicies is an operation that the SDK's paginator takes.
type IAMListAttachedRolePolicies Call[iam.ListAttachedRolePoliciesInput, iam.Options, iam.ListAttachedRolePoliciesOutput]

// ListAttachedRolePolicies implements the paginator's interface.
func (call IAMListAttachedRolePolicies) ListAttachedRolePolicies(ctx context.Context, in *iam.ListAttachedRolePoliciesInput, o ...func(*iam.Options)) (
	*iam.ListAttachedRolePoliciesOutput, error,
) {
	return call(ctx, in, o...)
}

// IAMListRolePolicies is an operation that the SDK's paginator takes.
type IAMListRolePolicies Call[iam.ListRolePoliciesInput, iam.Options, iam.ListRolePoliciesOutput]

// ListRolePolicies implements the paginator's interface.
func (call IAMListRolePolicies) ListRolePolicies(ctx context.Context, in *iam.ListRolePoliciesInput, o ...func(*iam.Options)) (
	*iam.ListRolePoliciesOutput, error,
) {
	return call(ctx, in, o...)
}
