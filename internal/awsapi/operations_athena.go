package awsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/athena"
)

// Athena are the operations of Athena that the project uses.
type Athena struct {
	Options             func() athena.Options
	BatchGetNamedQuery  Call[athena.BatchGetNamedQueryInput, athena.Options, athena.BatchGetNamedQueryOutput]
	CreateNamedQuery    Call[athena.CreateNamedQueryInput, athena.Options, athena.CreateNamedQueryOutput]
	CreateWorkGroup     Call[athena.CreateWorkGroupInput, athena.Options, athena.CreateWorkGroupOutput]
	DeleteNamedQuery    Call[athena.DeleteNamedQueryInput, athena.Options, athena.DeleteNamedQueryOutput]
	DeleteWorkGroup     Call[athena.DeleteWorkGroupInput, athena.Options, athena.DeleteWorkGroupOutput]
	GetNamedQuery       Call[athena.GetNamedQueryInput, athena.Options, athena.GetNamedQueryOutput]
	GetWorkGroup        Call[athena.GetWorkGroupInput, athena.Options, athena.GetWorkGroupOutput]
	ListNamedQueries    AthenaListNamedQueries
	ListTagsForResource AthenaListTagsForResource
	ListWorkGroups      Call[athena.ListWorkGroupsInput, athena.Options, athena.ListWorkGroupsOutput]
	TagResource         Call[athena.TagResourceInput, athena.Options, athena.TagResourceOutput]
	UntagResource       Call[athena.UntagResourceInput, athena.Options, athena.UntagResourceOutput]
	UpdateNamedQuery    Call[athena.UpdateNamedQueryInput, athena.Options, athena.UpdateNamedQueryOutput]
	UpdateWorkGroup     Call[athena.UpdateWorkGroupInput, athena.Options, athena.UpdateWorkGroupOutput]
}

func newAthena(c *athena.Client) *Athena {
	return &Athena{
		Options:             c.Options,
		BatchGetNamedQuery:  c.BatchGetNamedQuery,
		CreateNamedQuery:    c.CreateNamedQuery,
		CreateWorkGroup:     c.CreateWorkGroup,
		DeleteNamedQuery:    c.DeleteNamedQuery,
		DeleteWorkGroup:     c.DeleteWorkGroup,
		GetNamedQuery:       c.GetNamedQuery,
		GetWorkGroup:        c.GetWorkGroup,
		ListNamedQueries:    c.ListNamedQueries,
		ListTagsForResource: c.ListTagsForResource,
		ListWorkGroups:      c.ListWorkGroups,
		TagResource:         c.TagResource,
		UntagResource:       c.UntagResource,
		UpdateNamedQuery:    c.UpdateNamedQuery,
		UpdateWorkGroup:     c.UpdateWorkGroup,
	}
}

// AthenaListNamedQueries is an operation that the SDK's paginator takes.
type AthenaListNamedQueries Call[athena.ListNamedQueriesInput, athena.Options, athena.ListNamedQueriesOutput]

// ListNamedQueries implements the paginator's interface.
func (call AthenaListNamedQueries) ListNamedQueries(ctx context.Context, in *athena.ListNamedQueriesInput, o ...func(*athena.Options)) (
	*athena.ListNamedQueriesOutput, error,
) {
	return call(ctx, in, o...)
}

// AthenaListTagsForResource is an operation that the SDK's paginator takes.
type AthenaListTagsForResource Call[athena.ListTagsForResourceInput, athena.Options, athena.ListTagsForResourceOutput]

// ListTagsForResource implements the paginator's interface.
func (call AthenaListTagsForResource) ListTagsForResource(ctx context.Context, in *athena.ListTagsForResourceInput, o ...func(*athena.Options)) (
	*athena.ListTagsForResourceOutput, error,
) {
	return call(ctx, in, o...)
}
