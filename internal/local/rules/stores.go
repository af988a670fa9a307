package rules

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func (p *preparer) s3(a *types.S3Action) perform {
	bucket, key, acl, e := p.text(a.BucketName), p.text(a.Key), s3types.ObjectCannedACL(a.CannedAcl), p.engine
	return func(ctx context.Context, in *input) (string, error) {
		v, err := texts(ctx, in, bucket, key)
		if err != nil {
			return bucket.fixed, err
		}
		if err := checkKey(v[1]); err != nil {
			return v[0] + "/" + v[1], err
		}
		return v[0] + "/" + v[1], e.persist(ctx, func() error {
			put := &s3.PutObjectInput{Bucket: &v[0], Key: &v[1], Body: bytes.NewReader(in.payload), ACL: acl}
			_, err := e.options.Clients.S3().PutObject(ctx, put)
			return err
		})
	}
}

// maxKey is the maximum length of an S3 key in bytes.
const maxKey = 1024

// checkKey refuses what S3 refuses. Values are inserted raw, and to S3 a key is only text, with or without slashes. But
// a key with more ".." than names before them would leave the bucket, and an endpoint here may resolve it.
func checkKey(key string) error {
	if len(key) > maxKey {
		return fmt.Errorf("the key has %d bytes, S3 takes %d", len(key), maxKey)
	}
	names := 0
	for segment := range strings.SplitSeq(key, "/") {
		switch segment {
		case "", ".":
		case "..":
			if names--; names < 0 {
				return fmt.Errorf("the key %q leaves the bucket", key)
			}
		default:
			names++
		}
	}
	return nil
}

func (p *preparer) sns(a *types.SnsAction) perform {
	topic, e := p.text(a.TargetArn), p.engine
	var structure *string
	if a.MessageFormat == types.MessageFormatJson {
		structure = aws.String("json")
	}
	return func(ctx context.Context, in *input) (string, error) {
		target, err := topic.of(ctx, in)
		if err != nil {
			return topic.fixed, err
		}
		message := &sns.PublishInput{
			TargetArn: &target, Message: aws.String(string(in.payload)), MessageStructure: structure,
		}
		return target, e.persist(ctx, func() error {
			_, err := e.options.Clients.SNS().Publish(ctx, message)
			return err
		})
	}
}

func (p *preparer) sqs(a *types.SqsAction) perform {
	url, encode, e := p.text(a.QueueUrl), aws.ToBool(a.UseBase64), p.engine
	return func(ctx context.Context, in *input) (string, error) {
		queue, err := url.of(ctx, in)
		if err != nil {
			return url.fixed, err
		}
		body := string(in.payload)
		if encode {
			body = base64.StdEncoding.EncodeToString(in.payload)
		}
		return queue, e.persist(ctx, func() error {
			message := &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body}
			_, err := e.options.Clients.SQS().SendMessage(ctx, message)
			if err == nil && e.options.Sent != nil {
				e.options.Sent(queue[strings.LastIndexByte(queue, '/')+1:])
			}
			return err
		})
	}
}

// firehoseBatch is the largest array that one message may carry in batch mode. [AWS 2.1]
const firehoseBatch = 500

func (p *preparer) firehose(a *types.FirehoseAction) perform {
	name, separator, batch := p.text(a.DeliveryStreamName), aws.ToString(a.Separator), aws.ToBool(a.BatchMode)
	e := p.engine
	return func(ctx context.Context, in *input) (string, error) {
		stream, err := name.of(ctx, in)
		if err != nil {
			return name.fixed, err
		}
		elements := []json.RawMessage{in.payload}
		if batch {
			elements = nil
			err := json.Unmarshal(in.payload, &elements)
			if err != nil || len(elements) == 0 || len(elements) > firehoseBatch {
				return stream, fmt.Errorf(
					"in batch mode the rule must return an array of 1 to %d elements", firehoseBatch,
				)
			}
		}
		records := make([]firehosetypes.Record, len(elements))
		for i, element := range elements {
			records[i].Data = append(append([]byte(nil), element...), separator...)
		}
		if deliver := e.options.Deliver; deliver != nil {
			records = slices.DeleteFunc(records, func(r firehosetypes.Record) bool { return deliver(stream, r.Data) })
			if len(records) == 0 {
				return stream, nil
			}
		}
		return stream, e.persist(ctx, func() (err error) {
			records, err = e.putFirehoseRecords(ctx, stream, records)
			return err
		})
	}
}

// putFirehoseRecords returns the records that were not accepted, with an error that is worth retrying.
func (e *Engine) putFirehoseRecords(
	ctx context.Context,
	stream string,
	records []firehosetypes.Record,
) ([]firehosetypes.Record, error) {
	put := &firehose.PutRecordBatchInput{DeliveryStreamName: &stream, Records: records}
	out, err := e.options.Clients.Firehose().PutRecordBatch(ctx, put)
	if err != nil || aws.ToInt32(out.FailedPutCount) == 0 {
		return records, err
	}
	var rejected []firehosetypes.Record
	for i, r := range out.RequestResponses {
		if r.ErrorCode != nil {
			rejected = append(rejected, records[i])
		}
	}
	return rejected, &firehosetypes.ServiceUnavailableException{
		Message: aws.String(fmt.Sprintf("%d records were rejected", len(rejected))),
	}
}

func (p *preparer) lambda(a *types.LambdaAction) perform {
	arn, invoke := p.text(a.FunctionArn), p.engine.options.Invoke
	return func(ctx context.Context, in *input) (string, error) {
		function, err := arn.of(ctx, in)
		if err != nil {
			return arn.fixed, err
		}
		payload := in.payload
		if !in.json { // a function's event is JSON: a binary payload becomes a base64 string
			if payload, err = json.Marshal(in.payload); err != nil {
				return functionName(function), err
			}
		}
		return functionName(function), invoke(ctx, function, payload)
	}
}

// errNoObject is the failure of actions that spread an object over columns.
var errNoObject = errors.New("the rule's result is not a JSON object")

// object decodes the result and keeps its numbers as they are written.
func object(in *input) (map[string]any, error) {
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(in.payload))
	d.UseNumber()
	if !in.json || d.Decode(&fields) != nil || fields == nil {
		return nil, errNoObject
	}
	return fields, nil
}
