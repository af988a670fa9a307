package awsapi

import "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

// ResourceGroupsTagging are the operations of the Resource Groups Tagging API that the project uses.
type ResourceGroupsTagging struct {
	Options      func() resourcegroupstaggingapi.Options
	GetResources Call[resourcegroupstaggingapi.GetResourcesInput, resourcegroupstaggingapi.Options,
		resourcegroupstaggingapi.GetResourcesOutput]
}

func newResourceGroupsTagging(c *resourcegroupstaggingapi.Client) *ResourceGroupsTagging {
	return &ResourceGroupsTagging{Options: c.Options, GetResources: c.GetResources}
}
