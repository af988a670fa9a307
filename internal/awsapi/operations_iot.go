package awsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iot"
)

// IoT are the operations of the IoT control plane that the project uses.
type IoT struct {
	Options                           func() iot.Options
	AddThingToThingGroup              Call[iot.AddThingToThingGroupInput, iot.Options, iot.AddThingToThingGroupOutput]
	AttachPolicy                      Call[iot.AttachPolicyInput, iot.Options, iot.AttachPolicyOutput]
	AttachThingPrincipal              Call[iot.AttachThingPrincipalInput, iot.Options, iot.AttachThingPrincipalOutput]
	CreateCertificateFromCsr          Call[iot.CreateCertificateFromCsrInput, iot.Options, iot.CreateCertificateFromCsrOutput]
	CreateKeysAndCertificate          Call[iot.CreateKeysAndCertificateInput, iot.Options, iot.CreateKeysAndCertificateOutput]
	CreatePolicy                      Call[iot.CreatePolicyInput, iot.Options, iot.CreatePolicyOutput]
	CreatePolicyVersion               Call[iot.CreatePolicyVersionInput, iot.Options, iot.CreatePolicyVersionOutput]
	CreateProvisioningTemplate        Call[iot.CreateProvisioningTemplateInput, iot.Options, iot.CreateProvisioningTemplateOutput]
	CreateProvisioningTemplateVersion Call[iot.CreateProvisioningTemplateVersionInput, iot.Options, iot.CreateProvisioningTemplateVersionOutput]
	CreateRoleAlias                   Call[iot.CreateRoleAliasInput, iot.Options, iot.CreateRoleAliasOutput]
	CreateThing                       Call[iot.CreateThingInput, iot.Options, iot.CreateThingOutput]
	CreateThingGroup                  Call[iot.CreateThingGroupInput, iot.Options, iot.CreateThingGroupOutput]
	CreateThingType                   Call[iot.CreateThingTypeInput, iot.Options, iot.CreateThingTypeOutput]
	CreateTopicRule                   Call[iot.CreateTopicRuleInput, iot.Options, iot.CreateTopicRuleOutput]
	DeleteCACertificate               Call[iot.DeleteCACertificateInput, iot.Options, iot.DeleteCACertificateOutput]
	DeleteCertificate                 Call[iot.DeleteCertificateInput, iot.Options, iot.DeleteCertificateOutput]
	DeletePolicy                      Call[iot.DeletePolicyInput, iot.Options, iot.DeletePolicyOutput]
	DeletePolicyVersion               Call[iot.DeletePolicyVersionInput, iot.Options, iot.DeletePolicyVersionOutput]
	DeleteProvisioningTemplate        Call[iot.DeleteProvisioningTemplateInput, iot.Options, iot.DeleteProvisioningTemplateOutput]
	DeleteProvisioningTemplateVersion Call[iot.DeleteProvisioningTemplateVersionInput, iot.Options, iot.DeleteProvisioningTemplateVersionOutput]
	DeleteRoleAlias                   Call[iot.DeleteRoleAliasInput, iot.Options, iot.DeleteRoleAliasOutput]
	DeleteThing                       Call[iot.DeleteThingInput, iot.Options, iot.DeleteThingOutput]
	DeleteThingGroup                  Call[iot.DeleteThingGroupInput, iot.Options, iot.DeleteThingGroupOutput]
	DeleteThingType                   Call[iot.DeleteThingTypeInput, iot.Options, iot.DeleteThingTypeOutput]
	DeleteTopicRule                   Call[iot.DeleteTopicRuleInput, iot.Options, iot.DeleteTopicRuleOutput]
	DeprecateThingType                Call[iot.DeprecateThingTypeInput, iot.Options, iot.DeprecateThingTypeOutput]
	DescribeCACertificate             Call[iot.DescribeCACertificateInput, iot.Options, iot.DescribeCACertificateOutput]
	DescribeCertificate               Call[iot.DescribeCertificateInput, iot.Options, iot.DescribeCertificateOutput]
	DescribeEndpoint                  Call[iot.DescribeEndpointInput, iot.Options, iot.DescribeEndpointOutput]
	DescribeProvisioningTemplate      Call[iot.DescribeProvisioningTemplateInput, iot.Options, iot.DescribeProvisioningTemplateOutput]
	DescribeRoleAlias                 Call[iot.DescribeRoleAliasInput, iot.Options, iot.DescribeRoleAliasOutput]
	DescribeThing                     Call[iot.DescribeThingInput, iot.Options, iot.DescribeThingOutput]
	DescribeThingGroup                Call[iot.DescribeThingGroupInput, iot.Options, iot.DescribeThingGroupOutput]
	DescribeThingType                 Call[iot.DescribeThingTypeInput, iot.Options, iot.DescribeThingTypeOutput]
	DetachPolicy                      Call[iot.DetachPolicyInput, iot.Options, iot.DetachPolicyOutput]
	DetachThingPrincipal              Call[iot.DetachThingPrincipalInput, iot.Options, iot.DetachThingPrincipalOutput]
	EnableTopicRule                   Call[iot.EnableTopicRuleInput, iot.Options, iot.EnableTopicRuleOutput]
	DisableTopicRule                  Call[iot.DisableTopicRuleInput, iot.Options, iot.DisableTopicRuleOutput]
	GetPolicy                         Call[iot.GetPolicyInput, iot.Options, iot.GetPolicyOutput]
	GetTopicRule                      Call[iot.GetTopicRuleInput, iot.Options, iot.GetTopicRuleOutput]
	ListAttachedPolicies              IoTListAttachedPolicies
	ListCACertificates                Call[iot.ListCACertificatesInput, iot.Options, iot.ListCACertificatesOutput]
	ListCertificates                  Call[iot.ListCertificatesInput, iot.Options, iot.ListCertificatesOutput]
	ListPolicies                      Call[iot.ListPoliciesInput, iot.Options, iot.ListPoliciesOutput]
	ListPolicyVersions                Call[iot.ListPolicyVersionsInput, iot.Options, iot.ListPolicyVersionsOutput]
	ListPrincipalThings               IoTListPrincipalThings
	ListProvisioningTemplateVersions  IoTListProvisioningTemplateVersions
	ListProvisioningTemplates         Call[iot.ListProvisioningTemplatesInput, iot.Options, iot.ListProvisioningTemplatesOutput]
	ListTagsForResource               IoTListTagsForResource
	ListTargetsForPolicy              IoTListTargetsForPolicy
	ListThingGroups                   Call[iot.ListThingGroupsInput, iot.Options, iot.ListThingGroupsOutput]
	ListThingGroupsForThing           Call[iot.ListThingGroupsForThingInput, iot.Options, iot.ListThingGroupsForThingOutput]
	ListThingPrincipals               IoTListThingPrincipals
	ListThingTypes                    Call[iot.ListThingTypesInput, iot.Options, iot.ListThingTypesOutput]
	ListThings                        IoTListThings
	ListThingsInThingGroup            IoTListThingsInThingGroup
	ListTopicRules                    IoTListTopicRules
	RegisterCACertificate             Call[iot.RegisterCACertificateInput, iot.Options, iot.RegisterCACertificateOutput]
	RegisterCertificateWithoutCA      Call[iot.RegisterCertificateWithoutCAInput, iot.Options, iot.RegisterCertificateWithoutCAOutput]
	RemoveThingFromThingGroup         Call[iot.RemoveThingFromThingGroupInput, iot.Options, iot.RemoveThingFromThingGroupOutput]
	ReplaceTopicRule                  Call[iot.ReplaceTopicRuleInput, iot.Options, iot.ReplaceTopicRuleOutput]
	TagResource                       Call[iot.TagResourceInput, iot.Options, iot.TagResourceOutput]
	UntagResource                     Call[iot.UntagResourceInput, iot.Options, iot.UntagResourceOutput]
	UpdateCACertificate               Call[iot.UpdateCACertificateInput, iot.Options, iot.UpdateCACertificateOutput]
	UpdateCertificate                 Call[iot.UpdateCertificateInput, iot.Options, iot.UpdateCertificateOutput]
	UpdateProvisioningTemplate        Call[iot.UpdateProvisioningTemplateInput, iot.Options, iot.UpdateProvisioningTemplateOutput]
	UpdateRoleAlias                   Call[iot.UpdateRoleAliasInput, iot.Options, iot.UpdateRoleAliasOutput]
	UpdateThing                       Call[iot.UpdateThingInput, iot.Options, iot.UpdateThingOutput]
	UpdateThingGroup                  Call[iot.UpdateThingGroupInput, iot.Options, iot.UpdateThingGroupOutput]
	UpdateThingType                   Call[iot.UpdateThingTypeInput, iot.Options, iot.UpdateThingTypeOutput]
}

func newIoT(c *iot.Client) *IoT {
	return &IoT{
		Options:                           c.Options,
		AddThingToThingGroup:              c.AddThingToThingGroup,
		AttachPolicy:                      c.AttachPolicy,
		AttachThingPrincipal:              c.AttachThingPrincipal,
		CreateCertificateFromCsr:          c.CreateCertificateFromCsr,
		CreateKeysAndCertificate:          c.CreateKeysAndCertificate,
		CreatePolicy:                      c.CreatePolicy,
		CreatePolicyVersion:               c.CreatePolicyVersion,
		CreateProvisioningTemplate:        c.CreateProvisioningTemplate,
		CreateProvisioningTemplateVersion: c.CreateProvisioningTemplateVersion,
		CreateRoleAlias:                   c.CreateRoleAlias,
		CreateThing:                       c.CreateThing,
		CreateThingGroup:                  c.CreateThingGroup,
		CreateThingType:                   c.CreateThingType,
		CreateTopicRule:                   c.CreateTopicRule,
		DeleteCACertificate:               c.DeleteCACertificate,
		DeleteCertificate:                 c.DeleteCertificate,
		DeletePolicy:                      c.DeletePolicy,
		DeletePolicyVersion:               c.DeletePolicyVersion,
		DeleteProvisioningTemplate:        c.DeleteProvisioningTemplate,
		DeleteProvisioningTemplateVersion: c.DeleteProvisioningTemplateVersion,
		DeleteRoleAlias:                   c.DeleteRoleAlias,
		DeleteThing:                       c.DeleteThing,
		DeleteThingGroup:                  c.DeleteThingGroup,
		DeleteThingType:                   c.DeleteThingType,
		DeleteTopicRule:                   c.DeleteTopicRule,
		DeprecateThingType:                c.DeprecateThingType,
		DescribeCACertificate:             c.DescribeCACertificate,
		DescribeCertificate:               c.DescribeCertificate,
		DescribeEndpoint:                  c.DescribeEndpoint,
		DescribeProvisioningTemplate:      c.DescribeProvisioningTemplate,
		DescribeRoleAlias:                 c.DescribeRoleAlias,
		DescribeThing:                     c.DescribeThing,
		DescribeThingGroup:                c.DescribeThingGroup,
		DescribeThingType:                 c.DescribeThingType,
		DetachPolicy:                      c.DetachPolicy,
		DetachThingPrincipal:              c.DetachThingPrincipal,
		EnableTopicRule:                   c.EnableTopicRule,
		DisableTopicRule:                  c.DisableTopicRule,
		GetPolicy:                         c.GetPolicy,
		GetTopicRule:                      c.GetTopicRule,
		ListAttachedPolicies:              c.ListAttachedPolicies,
		ListCACertificates:                c.ListCACertificates,
		ListCertificates:                  c.ListCertificates,
		ListPolicies:                      c.ListPolicies,
		ListPolicyVersions:                c.ListPolicyVersions,
		ListPrincipalThings:               c.ListPrincipalThings,
		ListProvisioningTemplateVersions:  c.ListProvisioningTemplateVersions,
		ListProvisioningTemplates:         c.ListProvisioningTemplates,
		ListTagsForResource:               c.ListTagsForResource,
		ListTargetsForPolicy:              c.ListTargetsForPolicy,
		ListThingGroups:                   c.ListThingGroups,
		ListThingGroupsForThing:           c.ListThingGroupsForThing,
		ListThingPrincipals:               c.ListThingPrincipals,
		ListThingTypes:                    c.ListThingTypes,
		ListThings:                        c.ListThings,
		ListThingsInThingGroup:            c.ListThingsInThingGroup,
		ListTopicRules:                    c.ListTopicRules,
		RegisterCACertificate:             c.RegisterCACertificate,
		RegisterCertificateWithoutCA:      c.RegisterCertificateWithoutCA,
		RemoveThingFromThingGroup:         c.RemoveThingFromThingGroup,
		ReplaceTopicRule:                  c.ReplaceTopicRule,
		TagResource:                       c.TagResource,
		UntagResource:                     c.UntagResource,
		UpdateCACertificate:               c.UpdateCACertificate,
		UpdateCertificate:                 c.UpdateCertificate,
		UpdateProvisioningTemplate:        c.UpdateProvisioningTemplate,
		UpdateRoleAlias:                   c.UpdateRoleAlias,
		UpdateThing:                       c.UpdateThing,
		UpdateThingGroup:                  c.UpdateThingGroup,
		UpdateThingType:                   c.UpdateThingType,
	}
}

// IoTListAttachedPolicies is an operation that the SDK's paginator takes.
type IoTListAttachedPolicies Call[iot.ListAttachedPoliciesInput, iot.Options, iot.ListAttachedPoliciesOutput]

// ListAttachedPolicies implements the paginator's interface.
func (call IoTListAttachedPolicies) ListAttachedPolicies(ctx context.Context, in *iot.ListAttachedPoliciesInput, o ...func(*iot.Options)) (
	*iot.ListAttachedPoliciesOutput, error,
) {
	return call(ctx, in, o...)
}

// IoTListPrincipalThings is an operation that the SDK's paginator takes.
type IoTListPrincipalThings Call[iot.ListPrincipalThingsInput, iot.Options, iot.ListPrincipalThingsOutput]

// ListPrincipalThings implements the paginator's interface.
func (call IoTListPrincipalThings) ListPrincipalThings(ctx context.Context, in *iot.ListPrincipalThingsInput, o ...func(*iot.Options)) (
	*iot.ListPrincipalThingsOutput, error,
) {
	return call(ctx, in, o...)
}

// IoTListProvisioningTemplateVersions is an operation that the SDK's paginator takes.
type IoTListProvisioningTemplateVersions Call[iot.ListProvisioningTemplateVersionsInput, iot.Options, iot.ListProvisioningTemplateVersionsOutput]

// ListProvisioningTemplateVersions implements the paginator's interface.
func (call IoTListProvisioningTemplateVersions) ListProvisioningTemplateVersions(ctx context.Context, in *iot.ListProvisioningTemplateVersionsInput, o ...func(*iot.Options)) (
	*iot.ListProvisioningTemplateVersionsOutput, error,
) {
	return call(ctx, in, o...)
}

// IoTListTagsForResource is an operation that the SDK's paginator takes.
type IoTListTagsForResource Call[iot.ListTagsForResourceInput, iot.Options, iot.ListTagsForResourceOutput]

// ListTagsForResource implements the paginator's interface.
func (call IoTListTagsForResource) ListTagsForResource(ctx context.Context, in *iot.ListTagsForResourceInput, o ...func(*iot.Options)) (
	*iot.ListTagsForResourceOutput, error,
) {
	return call(ctx, in, o...)
}

// IoTListTargetsForPolicy is an operation that the SDK's paginator takes.
type IoTListTargetsForPolicy Call[iot.ListTargetsForPolicyInput, iot.Options, iot.ListTargetsForPolicyOutput]

// ListTargetsForPolicy implements the paginator's interface.
func (call IoTListTargetsForPolicy) ListTargetsForPolicy(ctx context.Context, in *iot.ListTargetsForPolicyInput, o ...func(*iot.Options)) (
	*iot.ListTargetsForPolicyOutput, error,
) {
	return call(ctx, in, o...)
}

// IoTListThingPrincipals is an operation that the SDK's paginator takes.
type IoTListThingPrincipals Call[iot.ListThingPrincipalsInput, iot.Options, iot.ListThingPrincipalsOutput]

// ListThingPrincipals implements the paginator's interface.
func (call IoTListThingPrincipals) ListThingPrincipals(ctx context.Context, in *iot.ListThingPrincipalsInput, o ...func(*iot.Options)) (
	*iot.ListThingPrincipalsOutput, error,
) {
	return call(ctx, in, o...)
}

// IoTListThings is an operation that the SDK's paginator takes.
type IoTListThings Call[iot.ListThingsInput, iot.Options, iot.ListThingsOutput]

// ListThings implements the paginator's interface.
func (call IoTListThings) ListThings(ctx context.Context, in *iot.ListThingsInput, o ...func(*iot.Options)) (
	*iot.ListThingsOutput, error,
) {
	return call(ctx, in, o...)
}

// IoTListThingsInThingGroup is an operation that the SDK's paginator takes.
type IoTListThingsInThingGroup Call[iot.ListThingsInThingGroupInput, iot.Options, iot.ListThingsInThingGroupOutput]

// ListThingsInThingGroup implements the paginator's interface.
func (call IoTListThingsInThingGroup) ListThingsInThingGroup(ctx context.Context, in *iot.ListThingsInThingGroupInput, o ...func(*iot.Options)) (
	*iot.ListThingsInThingGroupOutput, error,
) {
	return call(ctx, in, o...)
}

// IoTListTopicRules is an operation that the SDK's paginator takes.
type IoTListTopicRules Call[iot.ListTopicRulesInput, iot.Options, iot.ListTopicRulesOutput]

// ListTopicRules implements the paginator's interface.
func (call IoTListTopicRules) ListTopicRules(ctx context.Context, in *iot.ListTopicRulesInput, o ...func(*iot.Options)) (
	*iot.ListTopicRulesOutput, error,
) {
	return call(ctx, in, o...)
}
