package awsapi

import (
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// SQS are the operations of SQS that the project uses.
type SQS struct {
	Options                      func() sqs.Options
	ChangeMessageVisibilityBatch Call[sqs.ChangeMessageVisibilityBatchInput, sqs.Options, sqs.ChangeMessageVisibilityBatchOutput]
	CreateQueue                  Call[sqs.CreateQueueInput, sqs.Options, sqs.CreateQueueOutput]
	DeleteMessage                Call[sqs.DeleteMessageInput, sqs.Options, sqs.DeleteMessageOutput]
	DeleteQueue                  Call[sqs.DeleteQueueInput, sqs.Options, sqs.DeleteQueueOutput]
	GetQueueAttributes           Call[sqs.GetQueueAttributesInput, sqs.Options, sqs.GetQueueAttributesOutput]
	GetQueueUrl                  Call[sqs.GetQueueUrlInput, sqs.Options, sqs.GetQueueUrlOutput]
	ListQueueTags                Call[sqs.ListQueueTagsInput, sqs.Options, sqs.ListQueueTagsOutput]
	ListQueues                   Call[sqs.ListQueuesInput, sqs.Options, sqs.ListQueuesOutput]
	ReceiveMessage               Call[sqs.ReceiveMessageInput, sqs.Options, sqs.ReceiveMessageOutput]
	SendMessage                  Call[sqs.SendMessageInput, sqs.Options, sqs.SendMessageOutput]
	SetQueueAttributes           Call[sqs.SetQueueAttributesInput, sqs.Options, sqs.SetQueueAttributesOutput]
	TagQueue                     Call[sqs.TagQueueInput, sqs.Options, sqs.TagQueueOutput]
	UntagQueue                   Call[sqs.UntagQueueInput, sqs.Options, sqs.UntagQueueOutput]
}

func newSQS(c *sqs.Client) *SQS {
	return &SQS{
		Options:                      c.Options,
		ChangeMessageVisibilityBatch: c.ChangeMessageVisibilityBatch,
		CreateQueue:                  c.CreateQueue,
		DeleteMessage:                c.DeleteMessage,
		DeleteQueue:                  c.DeleteQueue,
		GetQueueAttributes:           c.GetQueueAttributes,
		GetQueueUrl:                  c.GetQueueUrl,
		ListQueueTags:                c.ListQueueTags,
		ListQueues:                   c.ListQueues,
		ReceiveMessage:               c.ReceiveMessage,
		SendMessage:                  c.SendMessage,
		SetQueueAttributes:           c.SetQueueAttributes,
		TagQueue:                     c.TagQueue,
		UntagQueue:                   c.UntagQueue,
	}
}
