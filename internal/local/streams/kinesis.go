package streams

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// Kinesis is the Source that reads real streams.
type Kinesis struct {
	Client *awsapi.Kinesis
}

// Shards lists all shards of the stream.
func (k Kinesis) Shards(ctx context.Context, streamARN string) ([]string, error) {
	var names []string
	in := &kinesis.ListShardsInput{StreamARN: &streamARN}
	for {
		out, err := k.Client.ListShards(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, s := range out.Shards {
			names = append(names, *s.ShardId)
		}
		if out.NextToken == nil {
			return names, nil
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken} // which also identifies the stream
	}
}

// Iterator returns an iterator for the position.
func (k Kinesis) Iterator(ctx context.Context, streamARN, shard string, p Position) (string, error) {
	in := &kinesis.GetShardIteratorInput{
		StreamARN:         &streamARN,
		ShardId:           &shard,
		ShardIteratorType: types.ShardIteratorType(p.Kind),
	}
	if !p.Time.IsZero() {
		in.Timestamp = &p.Time
	}
	if p.After != "" {
		in.StartingSequenceNumber = &p.After
	}
	out, err := k.Client.GetShardIterator(ctx, in)
	if err != nil {
		return "", err
	}
	return *out.ShardIterator, nil
}

// Read gets one page.
func (k Kinesis) Read(ctx context.Context, streamARN, iterator string, limit int) (Page, error) {
	out, err := k.Client.GetRecords(ctx,
		&kinesis.GetRecordsInput{StreamARN: &streamARN, ShardIterator: &iterator, Limit: aws.Int32(int32(limit))})
	if err != nil {
		return Page{}, err
	}
	page := Page{Next: aws.ToString(out.NextShardIterator), Records: make([]Record, len(out.Records))}
	for i, r := range out.Records {
		page.Records[i] = Record{
			SequenceNumber: *r.SequenceNumber,
			PartitionKey:   *r.PartitionKey,
			Data:           r.Data,
			Arrived:        aws.ToTime(r.ApproximateArrivalTimestamp),
		}
	}
	return page, nil
}
