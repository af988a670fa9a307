package awsapi

import (
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
)

// TimestreamWrite are the operations of Timestream LiveAnalytics' write and control plane that the project uses.
type TimestreamWrite struct {
	Options             func() timestreamwrite.Options
	CreateDatabase      Call[timestreamwrite.CreateDatabaseInput, timestreamwrite.Options, timestreamwrite.CreateDatabaseOutput]
	CreateTable         Call[timestreamwrite.CreateTableInput, timestreamwrite.Options, timestreamwrite.CreateTableOutput]
	DeleteDatabase      Call[timestreamwrite.DeleteDatabaseInput, timestreamwrite.Options, timestreamwrite.DeleteDatabaseOutput]
	DeleteTable         Call[timestreamwrite.DeleteTableInput, timestreamwrite.Options, timestreamwrite.DeleteTableOutput]
	DescribeDatabase    Call[timestreamwrite.DescribeDatabaseInput, timestreamwrite.Options, timestreamwrite.DescribeDatabaseOutput]
	DescribeEndpoints   Call[timestreamwrite.DescribeEndpointsInput, timestreamwrite.Options, timestreamwrite.DescribeEndpointsOutput]
	DescribeTable       Call[timestreamwrite.DescribeTableInput, timestreamwrite.Options, timestreamwrite.DescribeTableOutput]
	ListDatabases       Call[timestreamwrite.ListDatabasesInput, timestreamwrite.Options, timestreamwrite.ListDatabasesOutput]
	ListTagsForResource Call[timestreamwrite.ListTagsForResourceInput, timestreamwrite.Options, timestreamwrite.ListTagsForResourceOutput]
	TagResource         Call[timestreamwrite.TagResourceInput, timestreamwrite.Options, timestreamwrite.TagResourceOutput]
	UntagResource       Call[timestreamwrite.UntagResourceInput, timestreamwrite.Options, timestreamwrite.UntagResourceOutput]
	UpdateDatabase      Call[timestreamwrite.UpdateDatabaseInput, timestreamwrite.Options, timestreamwrite.UpdateDatabaseOutput]
	UpdateTable         Call[timestreamwrite.UpdateTableInput, timestreamwrite.Options, timestreamwrite.UpdateTableOutput]
	WriteRecords        Call[timestreamwrite.WriteRecordsInput, timestreamwrite.Options, timestreamwrite.WriteRecordsOutput]
}

func newTimestreamWrite(c *timestreamwrite.Client) *TimestreamWrite {
	return &TimestreamWrite{
		Options:             c.Options,
		CreateDatabase:      c.CreateDatabase,
		CreateTable:         c.CreateTable,
		DeleteDatabase:      c.DeleteDatabase,
		DeleteTable:         c.DeleteTable,
		DescribeDatabase:    c.DescribeDatabase,
		DescribeEndpoints:   c.DescribeEndpoints,
		DescribeTable:       c.DescribeTable,
		ListDatabases:       c.ListDatabases,
		ListTagsForResource: c.ListTagsForResource,
		TagResource:         c.TagResource,
		UntagResource:       c.UntagResource,
		UpdateDatabase:      c.UpdateDatabase,
		UpdateTable:         c.UpdateTable,
		WriteRecords:        c.WriteRecords,
	}
}
