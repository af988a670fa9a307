package awsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// SSM are the operations of Systems Manager's Parameter Store that the project uses.
type SSM struct {
	Options                func() ssm.Options
	AddTagsToResource      Call[ssm.AddTagsToResourceInput, ssm.Options, ssm.AddTagsToResourceOutput]
	DeleteParameter        Call[ssm.DeleteParameterInput, ssm.Options, ssm.DeleteParameterOutput]
	DeleteParameters       Call[ssm.DeleteParametersInput, ssm.Options, ssm.DeleteParametersOutput]
	DescribeParameters     SSMDescribeParameters
	GetParameter           Call[ssm.GetParameterInput, ssm.Options, ssm.GetParameterOutput]
	GetParameters          Call[ssm.GetParametersInput, ssm.Options, ssm.GetParametersOutput]
	GetParametersByPath    SSMGetParametersByPath
	ListTagsForResource    Call[ssm.ListTagsForResourceInput, ssm.Options, ssm.ListTagsForResourceOutput]
	PutParameter           Call[ssm.PutParameterInput, ssm.Options, ssm.PutParameterOutput]
	RemoveTagsFromResource Call[ssm.RemoveTagsFromResourceInput, ssm.Options, ssm.RemoveTagsFromResourceOutput]
}

func newSSM(c *ssm.Client) *SSM {
	return &SSM{
		Options:                c.Options,
		AddTagsToResource:      c.AddTagsToResource,
		DeleteParameter:        c.DeleteParameter,
		DeleteParameters:       c.DeleteParameters,
		DescribeParameters:     c.DescribeParameters,
		GetParameter:           c.GetParameter,
		GetParameters:          c.GetParameters,
		GetParametersByPath:    c.GetParametersByPath,
		ListTagsForResource:    c.ListTagsForResource,
		PutParameter:           c.PutParameter,
		RemoveTagsFromResource: c.RemoveTagsFromResource,
	}
}

// SSMDescribeParameters is an operation that the SDK's paginator takes.
type SSMDescribeParameters Call[ssm.DescribeParametersInput, ssm.Options, ssm.DescribeParametersOutput]

// DescribeParameters implements the paginator's interface.
func (call SSMDescribeParameters) DescribeParameters(ctx context.Context, in *ssm.DescribeParametersInput, o ...func(*ssm.Options)) (
	*ssm.DescribeParametersOutput, error,
) {
	return call(ctx, in, o...)
}

// SSMGetParametersByPath is an operation that the SDK's paginator takes.
type SSMGetParametersByPath Call[ssm.GetParametersByPathInput, ssm.Options, ssm.GetParametersByPathOutput]

// GetParametersByPath implements the paginator's interface.
func (call SSMGetParametersByPath) GetParametersByPath(ctx context.Context, in *ssm.GetParametersByPathInput, o ...func(*ssm.Options)) (
	*ssm.GetParametersByPathOutput, error,
) {
	return call(ctx, in, o...)
}
