package awsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/greengrassv2"
)

// Greengrass is Greengrass V2.
func (c *Clients) Greengrass() *Greengrass {
	return c.greengrass.get(func() *Greengrass { return newGreengrass(GreengrassClient(c)) })
}

// GreengrassClient makes a client of Greengrass V2 with all operations. It is a function, since the linker keeps methods.
func GreengrassClient(c *Clients) *greengrassv2.Client {
	return greengrassv2.NewFromConfig(c.config("greengrassv2"),
		func(o *greengrassv2.Options) { o.BaseEndpoint = c.endpoint("greengrassv2", o.BaseEndpoint) })
}

// Greengrass are the operations of Greengrass V2 that the project uses.
type Greengrass struct {
	CancelDeployment Call[greengrassv2.CancelDeploymentInput, greengrassv2.Options, greengrassv2.CancelDeploymentOutput]

	CreateComponentVersion Call[
		greengrassv2.CreateComponentVersionInput, greengrassv2.Options, greengrassv2.CreateComponentVersionOutput]
	CreateDeployment  Call[greengrassv2.CreateDeploymentInput, greengrassv2.Options, greengrassv2.CreateDeploymentOutput]
	DeleteComponent   Call[greengrassv2.DeleteComponentInput, greengrassv2.Options, greengrassv2.DeleteComponentOutput]
	DeleteDeployment  Call[greengrassv2.DeleteDeploymentInput, greengrassv2.Options, greengrassv2.DeleteDeploymentOutput]
	DescribeComponent Call[
		greengrassv2.DescribeComponentInput, greengrassv2.Options, greengrassv2.DescribeComponentOutput]
	GetComponent          Call[greengrassv2.GetComponentInput, greengrassv2.Options, greengrassv2.GetComponentOutput]
	GetDeployment         Call[greengrassv2.GetDeploymentInput, greengrassv2.Options, greengrassv2.GetDeploymentOutput]
	ListComponentVersions GreengrassListComponentVersions
	ListDeployments       GreengrassListDeployments
	TagResource           Call[greengrassv2.TagResourceInput, greengrassv2.Options, greengrassv2.TagResourceOutput]
	UntagResource         Call[greengrassv2.UntagResourceInput, greengrassv2.Options, greengrassv2.UntagResourceOutput]
}

func newGreengrass(c *greengrassv2.Client) *Greengrass {
	return &Greengrass{
		CancelDeployment:       c.CancelDeployment,
		CreateComponentVersion: c.CreateComponentVersion,
		CreateDeployment:       c.CreateDeployment,
		DeleteComponent:        c.DeleteComponent,
		DeleteDeployment:       c.DeleteDeployment,
		DescribeComponent:      c.DescribeComponent,
		GetComponent:           c.GetComponent,
		GetDeployment:          c.GetDeployment,
		ListComponentVersions:  c.ListComponentVersions,
		ListDeployments:        c.ListDeployments,
		TagResource:            c.TagResource,
		UntagResource:          c.UntagResource,
	}
}

// GreengrassListComponentVersions is an operation that the SDK's paginator takes.
type GreengrassListComponentVersions Call[
	greengrassv2.ListComponentVersionsInput, greengrassv2.Options, greengrassv2.ListComponentVersionsOutput]

// ListComponentVersions implements the paginator's interface.
func (call GreengrassListComponentVersions) ListComponentVersions(
	ctx context.Context, in *greengrassv2.ListComponentVersionsInput, o ...func(*greengrassv2.Options),
) (*greengrassv2.ListComponentVersionsOutput, error) {
	return call(ctx, in, o...)
}

// GreengrassListDeployments is an operation that the SDK's paginator takes.
type GreengrassListDeployments Call[
	greengrassv2.ListDeploymentsInput, greengrassv2.Options, greengrassv2.ListDeploymentsOutput]

// ListDeployments implements the paginator's interface.
func (call GreengrassListDeployments) ListDeployments(
	ctx context.Context, in *greengrassv2.ListDeploymentsInput, o ...func(*greengrassv2.Options),
) (*greengrassv2.ListDeploymentsOutput, error) {
	return call(ctx, in, o...)
}
