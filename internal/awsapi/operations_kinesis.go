package awsapi

import (
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// Kinesis are the operations of Kinesis Data Streams that the project uses.
type Kinesis struct {
	Options                       func() kinesis.Options
	AddTagsToStream               Call[kinesis.AddTagsToStreamInput, kinesis.Options, kinesis.AddTagsToStreamOutput]
	CreateStream                  Call[kinesis.CreateStreamInput, kinesis.Options, kinesis.CreateStreamOutput]
	DecreaseStreamRetentionPeriod Call[kinesis.DecreaseStreamRetentionPeriodInput, kinesis.Options, kinesis.DecreaseStreamRetentionPeriodOutput]
	DeleteStream                  Call[kinesis.DeleteStreamInput, kinesis.Options, kinesis.DeleteStreamOutput]
	DescribeStreamSummary         Call[kinesis.DescribeStreamSummaryInput, kinesis.Options, kinesis.DescribeStreamSummaryOutput]
	GetRecords                    Call[kinesis.GetRecordsInput, kinesis.Options, kinesis.GetRecordsOutput]
	GetShardIterator              Call[kinesis.GetShardIteratorInput, kinesis.Options, kinesis.GetShardIteratorOutput]
	IncreaseStreamRetentionPeriod Call[kinesis.IncreaseStreamRetentionPeriodInput, kinesis.Options, kinesis.IncreaseStreamRetentionPeriodOutput]
	ListShards                    Call[kinesis.ListShardsInput, kinesis.Options, kinesis.ListShardsOutput]
	ListStreams                   Call[kinesis.ListStreamsInput, kinesis.Options, kinesis.ListStreamsOutput]
	ListTagsForStream             Call[kinesis.ListTagsForStreamInput, kinesis.Options, kinesis.ListTagsForStreamOutput]
	PutRecords                    Call[kinesis.PutRecordsInput, kinesis.Options, kinesis.PutRecordsOutput]
	RemoveTagsFromStream          Call[kinesis.RemoveTagsFromStreamInput, kinesis.Options, kinesis.RemoveTagsFromStreamOutput]
	StartStreamEncryption         Call[kinesis.StartStreamEncryptionInput, kinesis.Options, kinesis.StartStreamEncryptionOutput]
	StopStreamEncryption          Call[kinesis.StopStreamEncryptionInput, kinesis.Options, kinesis.StopStreamEncryptionOutput]
	UpdateShardCount              Call[kinesis.UpdateShardCountInput, kinesis.Options, kinesis.UpdateShardCountOutput]
	UpdateStreamMode              Call[kinesis.UpdateStreamModeInput, kinesis.Options, kinesis.UpdateStreamModeOutput]
}

func newKinesis(c *kinesis.Client) *Kinesis {
	return &Kinesis{
		Options:                       c.Options,
		AddTagsToStream:               c.AddTagsToStream,
		CreateStream:                  c.CreateStream,
		DecreaseStreamRetentionPeriod: c.DecreaseStreamRetentionPeriod,
		DeleteStream:                  c.DeleteStream,
		DescribeStreamSummary:         c.DescribeStreamSummary,
		GetRecords:                    c.GetRecords,
		GetShardIterator:              c.GetShardIterator,
		IncreaseStreamRetentionPeriod: c.IncreaseStreamRetentionPeriod,
		ListShards:                    c.ListShards,
		ListStreams:                   c.ListStreams,
		ListTagsForStream:             c.ListTagsForStream,
		PutRecords:                    c.PutRecords,
		RemoveTagsFromStream:          c.RemoveTagsFromStream,
		StartStreamEncryption:         c.StartStreamEncryption,
		StopStreamEncryption:          c.StopStreamEncryption,
		UpdateShardCount:              c.UpdateShardCount,
		UpdateStreamMode:              c.UpdateStreamMode,
	}
}
