package awsapi

import (
	"github.com/aws/aws-sdk-go-v2/service/firehose"
)

// Firehose are the operations of Amazon Data Firehose that the project uses.
type Firehose struct {
	Options                       func() firehose.Options
	CreateDeliveryStream          Call[firehose.CreateDeliveryStreamInput, firehose.Options, firehose.CreateDeliveryStreamOutput]
	DeleteDeliveryStream          Call[firehose.DeleteDeliveryStreamInput, firehose.Options, firehose.DeleteDeliveryStreamOutput]
	DescribeDeliveryStream        Call[firehose.DescribeDeliveryStreamInput, firehose.Options, firehose.DescribeDeliveryStreamOutput]
	ListDeliveryStreams           Call[firehose.ListDeliveryStreamsInput, firehose.Options, firehose.ListDeliveryStreamsOutput]
	ListTagsForDeliveryStream     Call[firehose.ListTagsForDeliveryStreamInput, firehose.Options, firehose.ListTagsForDeliveryStreamOutput]
	PutRecordBatch                Call[firehose.PutRecordBatchInput, firehose.Options, firehose.PutRecordBatchOutput]
	StartDeliveryStreamEncryption Call[firehose.StartDeliveryStreamEncryptionInput, firehose.Options, firehose.StartDeliveryStreamEncryptionOutput]
	StopDeliveryStreamEncryption  Call[firehose.StopDeliveryStreamEncryptionInput, firehose.Options, firehose.StopDeliveryStreamEncryptionOutput]
	TagDeliveryStream             Call[firehose.TagDeliveryStreamInput, firehose.Options, firehose.TagDeliveryStreamOutput]
	UntagDeliveryStream           Call[firehose.UntagDeliveryStreamInput, firehose.Options, firehose.UntagDeliveryStreamOutput]
	UpdateDestination             Call[firehose.UpdateDestinationInput, firehose.Options, firehose.UpdateDestinationOutput]
}

func newFirehose(c *firehose.Client) *Firehose {
	return &Firehose{
		Options:                       c.Options,
		CreateDeliveryStream:          c.CreateDeliveryStream,
		DeleteDeliveryStream:          c.DeleteDeliveryStream,
		DescribeDeliveryStream:        c.DescribeDeliveryStream,
		ListDeliveryStreams:           c.ListDeliveryStreams,
		ListTagsForDeliveryStream:     c.ListTagsForDeliveryStream,
		PutRecordBatch:                c.PutRecordBatch,
		StartDeliveryStreamEncryption: c.StartDeliveryStreamEncryption,
		StopDeliveryStreamEncryption:  c.StopDeliveryStreamEncryption,
		TagDeliveryStream:             c.TagDeliveryStream,
		UntagDeliveryStream:           c.UntagDeliveryStream,
		UpdateDestination:             c.UpdateDestination,
	}
}
