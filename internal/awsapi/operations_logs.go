package awsapi

import (
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// Logs are the operations of CloudWatch Logs that the project uses.
type Logs struct {
	Options               func() cloudwatchlogs.Options
	AssociateKmsKey       Call[cloudwatchlogs.AssociateKmsKeyInput, cloudwatchlogs.Options, cloudwatchlogs.AssociateKmsKeyOutput]
	CreateLogGroup        Call[cloudwatchlogs.CreateLogGroupInput, cloudwatchlogs.Options, cloudwatchlogs.CreateLogGroupOutput]
	CreateLogStream       Call[cloudwatchlogs.CreateLogStreamInput, cloudwatchlogs.Options, cloudwatchlogs.CreateLogStreamOutput]
	DeleteLogGroup        Call[cloudwatchlogs.DeleteLogGroupInput, cloudwatchlogs.Options, cloudwatchlogs.DeleteLogGroupOutput]
	DeleteLogStream       Call[cloudwatchlogs.DeleteLogStreamInput, cloudwatchlogs.Options, cloudwatchlogs.DeleteLogStreamOutput]
	DeleteRetentionPolicy Call[cloudwatchlogs.DeleteRetentionPolicyInput, cloudwatchlogs.Options, cloudwatchlogs.DeleteRetentionPolicyOutput]
	DescribeLogGroups     Call[cloudwatchlogs.DescribeLogGroupsInput, cloudwatchlogs.Options, cloudwatchlogs.DescribeLogGroupsOutput]
	DescribeLogStreams    Call[cloudwatchlogs.DescribeLogStreamsInput, cloudwatchlogs.Options, cloudwatchlogs.DescribeLogStreamsOutput]
	DisassociateKmsKey    Call[cloudwatchlogs.DisassociateKmsKeyInput, cloudwatchlogs.Options, cloudwatchlogs.DisassociateKmsKeyOutput]
	GetLogEvents          Call[cloudwatchlogs.GetLogEventsInput, cloudwatchlogs.Options, cloudwatchlogs.GetLogEventsOutput]
	ListTagsForResource   Call[cloudwatchlogs.ListTagsForResourceInput, cloudwatchlogs.Options, cloudwatchlogs.ListTagsForResourceOutput]
	PutLogEvents          Call[cloudwatchlogs.PutLogEventsInput, cloudwatchlogs.Options, cloudwatchlogs.PutLogEventsOutput]
	PutRetentionPolicy    Call[cloudwatchlogs.PutRetentionPolicyInput, cloudwatchlogs.Options, cloudwatchlogs.PutRetentionPolicyOutput]
	TagResource           Call[cloudwatchlogs.TagResourceInput, cloudwatchlogs.Options, cloudwatchlogs.TagResourceOutput]
	UntagResource         Call[cloudwatchlogs.UntagResourceInput, cloudwatchlogs.Options, cloudwatchlogs.UntagResourceOutput]
}

func newLogs(c *cloudwatchlogs.Client) *Logs {
	return &Logs{
		Options:               c.Options,
		AssociateKmsKey:       c.AssociateKmsKey,
		CreateLogGroup:        c.CreateLogGroup,
		CreateLogStream:       c.CreateLogStream,
		DeleteLogGroup:        c.DeleteLogGroup,
		DeleteLogStream:       c.DeleteLogStream,
		DeleteRetentionPolicy: c.DeleteRetentionPolicy,
		DescribeLogGroups:     c.DescribeLogGroups,
		DescribeLogStreams:    c.DescribeLogStreams,
		DisassociateKmsKey:    c.DisassociateKmsKey,
		GetLogEvents:          c.GetLogEvents,
		ListTagsForResource:   c.ListTagsForResource,
		PutLogEvents:          c.PutLogEvents,
		PutRetentionPolicy:    c.PutRetentionPolicy,
		TagResource:           c.TagResource,
		UntagResource:         c.UntagResource,
	}
}
