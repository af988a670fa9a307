package awsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// DynamoDB are the operations of DynamoDB that the project uses.
type DynamoDB struct {
	BatchGetItem              Call[dynamodb.BatchGetItemInput, dynamodb.Options, dynamodb.BatchGetItemOutput]
	Options                   func() dynamodb.Options
	CreateTable               Call[dynamodb.CreateTableInput, dynamodb.Options, dynamodb.CreateTableOutput]
	DeleteItem                Call[dynamodb.DeleteItemInput, dynamodb.Options, dynamodb.DeleteItemOutput]
	DeleteTable               Call[dynamodb.DeleteTableInput, dynamodb.Options, dynamodb.DeleteTableOutput]
	DescribeContinuousBackups Call[dynamodb.DescribeContinuousBackupsInput, dynamodb.Options, dynamodb.DescribeContinuousBackupsOutput]
	DescribeTable             Call[dynamodb.DescribeTableInput, dynamodb.Options, dynamodb.DescribeTableOutput]
	DescribeTimeToLive        Call[dynamodb.DescribeTimeToLiveInput, dynamodb.Options, dynamodb.DescribeTimeToLiveOutput]
	GetItem                   Call[dynamodb.GetItemInput, dynamodb.Options, dynamodb.GetItemOutput]
	ListTables                Call[dynamodb.ListTablesInput, dynamodb.Options, dynamodb.ListTablesOutput]
	ListTagsOfResource        Call[dynamodb.ListTagsOfResourceInput, dynamodb.Options, dynamodb.ListTagsOfResourceOutput]
	PutItem                   Call[dynamodb.PutItemInput, dynamodb.Options, dynamodb.PutItemOutput]
	Query                     Call[dynamodb.QueryInput, dynamodb.Options, dynamodb.QueryOutput]
	Scan                      DynamoDBScan
	TagResource               Call[dynamodb.TagResourceInput, dynamodb.Options, dynamodb.TagResourceOutput]
	UntagResource             Call[dynamodb.UntagResourceInput, dynamodb.Options, dynamodb.UntagResourceOutput]
	UpdateContinuousBackups   Call[dynamodb.UpdateContinuousBackupsInput, dynamodb.Options, dynamodb.UpdateContinuousBackupsOutput]
	UpdateItem                Call[dynamodb.UpdateItemInput, dynamodb.Options, dynamodb.UpdateItemOutput]
	UpdateTable               Call[dynamodb.UpdateTableInput, dynamodb.Options, dynamodb.UpdateTableOutput]
	UpdateTimeToLive          Call[dynamodb.UpdateTimeToLiveInput, dynamodb.Options, dynamodb.UpdateTimeToLiveOutput]
}

func newDynamoDB(c *dynamodb.Client) *DynamoDB {
	return &DynamoDB{
		BatchGetItem:              c.BatchGetItem,
		Options:                   c.Options,
		CreateTable:               c.CreateTable,
		DeleteItem:                c.DeleteItem,
		DeleteTable:               c.DeleteTable,
		DescribeContinuousBackups: c.DescribeContinuousBackups,
		DescribeTable:             c.DescribeTable,
		DescribeTimeToLive:        c.DescribeTimeToLive,
		GetItem:                   c.GetItem,
		ListTables:                c.ListTables,
		ListTagsOfResource:        c.ListTagsOfResource,
		PutItem:                   c.PutItem,
		Query:                     c.Query,
		Scan:                      c.Scan,
		TagResource:               c.TagResource,
		UntagResource:             c.UntagResource,
		UpdateContinuousBackups:   c.UpdateContinuousBackups,
		UpdateItem:                c.UpdateItem,
		UpdateTable:               c.UpdateTable,
		UpdateTimeToLive:          c.UpdateTimeToLive,
	}
}

// DynamoDBScan is an operation that the SDK's paginator takes.
type DynamoDBScan Call[dynamodb.ScanInput, dynamodb.Options, dynamodb.ScanOutput]

// Scan implements the paginator's interface.
func (call DynamoDBScan) Scan(ctx context.Context, in *dynamodb.ScanInput, o ...func(*dynamodb.Options)) (
	*dynamodb.ScanOutput, error,
) {
	return call(ctx, in, o...)
}
