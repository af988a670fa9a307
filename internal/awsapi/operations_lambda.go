package awsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Lambda are the operations of Lambda that the project uses.
type Lambda struct {
	Options                         func() lambda.Options
	AddPermission                   Call[lambda.AddPermissionInput, lambda.Options, lambda.AddPermissionOutput]
	CreateEventSourceMapping        Call[lambda.CreateEventSourceMappingInput, lambda.Options, lambda.CreateEventSourceMappingOutput]
	CreateFunction                  Call[lambda.CreateFunctionInput, lambda.Options, lambda.CreateFunctionOutput]
	DeleteEventSourceMapping        Call[lambda.DeleteEventSourceMappingInput, lambda.Options, lambda.DeleteEventSourceMappingOutput]
	DeleteFunction                  Call[lambda.DeleteFunctionInput, lambda.Options, lambda.DeleteFunctionOutput]
	DeleteFunctionEventInvokeConfig Call[lambda.DeleteFunctionEventInvokeConfigInput, lambda.Options, lambda.DeleteFunctionEventInvokeConfigOutput]
	GetEventSourceMapping           Call[lambda.GetEventSourceMappingInput, lambda.Options, lambda.GetEventSourceMappingOutput]
	GetFunction                     Call[lambda.GetFunctionInput, lambda.Options, lambda.GetFunctionOutput]
	GetFunctionConfiguration        Call[lambda.GetFunctionConfigurationInput, lambda.Options, lambda.GetFunctionConfigurationOutput]
	GetFunctionEventInvokeConfig    Call[lambda.GetFunctionEventInvokeConfigInput, lambda.Options, lambda.GetFunctionEventInvokeConfigOutput]
	GetPolicy                       Call[lambda.GetPolicyInput, lambda.Options, lambda.GetPolicyOutput]
	Invoke                          Call[lambda.InvokeInput, lambda.Options, lambda.InvokeOutput]
	ListEventSourceMappings         LambdaListEventSourceMappings
	ListFunctions                   LambdaListFunctions
	ListTags                        Call[lambda.ListTagsInput, lambda.Options, lambda.ListTagsOutput]
	PutFunctionEventInvokeConfig    Call[lambda.PutFunctionEventInvokeConfigInput, lambda.Options, lambda.PutFunctionEventInvokeConfigOutput]
	RemovePermission                Call[lambda.RemovePermissionInput, lambda.Options, lambda.RemovePermissionOutput]
	TagResource                     Call[lambda.TagResourceInput, lambda.Options, lambda.TagResourceOutput]
	UntagResource                   Call[lambda.UntagResourceInput, lambda.Options, lambda.UntagResourceOutput]
	UpdateEventSourceMapping        Call[lambda.UpdateEventSourceMappingInput, lambda.Options, lambda.UpdateEventSourceMappingOutput]
	UpdateFunctionCode              Call[lambda.UpdateFunctionCodeInput, lambda.Options, lambda.UpdateFunctionCodeOutput]
	UpdateFunctionConfiguration     Call[lambda.UpdateFunctionConfigurationInput, lambda.Options, lambda.UpdateFunctionConfigurationOutput]
}

func newLambda(c *lambda.Client) *Lambda {
	return &Lambda{
		Options:                         c.Options,
		AddPermission:                   c.AddPermission,
		CreateEventSourceMapping:        c.CreateEventSourceMapping,
		CreateFunction:                  c.CreateFunction,
		DeleteEventSourceMapping:        c.DeleteEventSourceMapping,
		DeleteFunction:                  c.DeleteFunction,
		DeleteFunctionEventInvokeConfig: c.DeleteFunctionEventInvokeConfig,
		GetEventSourceMapping:           c.GetEventSourceMapping,
		GetFunction:                     c.GetFunction,
		GetFunctionConfiguration:        c.GetFunctionConfiguration,
		GetFunctionEventInvokeConfig:    c.GetFunctionEventInvokeConfig,
		GetPolicy:                       c.GetPolicy,
		Invoke:                          c.Invoke,
		ListEventSourceMappings:         c.ListEventSourceMappings,
		ListFunctions:                   c.ListFunctions,
		ListTags:                        c.ListTags,
		PutFunctionEventInvokeConfig:    c.PutFunctionEventInvokeConfig,
		RemovePermission:                c.RemovePermission,
		TagResource:                     c.TagResource,
		UntagResource:                   c.UntagResource,
		UpdateEventSourceMapping:        c.UpdateEventSourceMapping,
		UpdateFunctionCode:              c.UpdateFunctionCode,
		UpdateFunctionConfiguration:     c.UpdateFunctionConfiguration,
	}
}

// LambdaListEventSourceMappings is an operation that the SDK's paginator takes.
type LambdaListEventSourceMappings Call[lambda.ListEventSourceMappingsInput, lambda.Options, lambda.ListEventSourceMappingsOutput]

// ListEventSourceMappings implements the paginator's interface.
func (call LambdaListEventSourceMappings) ListEventSourceMappings(ctx context.Context, in *lambda.ListEventSourceMappingsInput, o ...func(*lambda.Options)) (
	*lambda.ListEventSourceMappingsOutput, error,
) {
	return call(ctx, in, o...)
}

// LambdaListFunctions is an operation that the SDK's paginator takes.
type LambdaListFunctions Call[lambda.ListFunctionsInput, lambda.Options, lambda.ListFunctionsOutput]

// ListFunctions implements the paginator's interface.
func (call LambdaListFunctions) ListFunctions(ctx context.Context, in *lambda.ListFunctionsInput, o ...func(*lambda.Options)) (
	*lambda.ListFunctionsOutput, error,
) {
	return call(ctx, in, o...)
}
