package rules

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

type s3Action struct {
	caller
	bucket, key text
	acl         s3types.ObjectCannedACL
}

func (p *preparer) s3(a *types.S3Action) action {
	return &s3Action{p.caller("S3Action", "s3"), p.text(a.BucketName), p.text(a.Key), s3types.ObjectCannedACL(a.CannedAcl)}
}

func (a *s3Action) do(ctx context.Context, in *input) (string, error) {
	v, err := texts(ctx, in, a.bucket, a.key)
	if err != nil {
		return a.bucket.fixed, err
	}
	return v[0] + "/" + v[1], a.persist(ctx, func() error {
		_, err := a.clients.S3.PutObject(ctx, &s3.PutObjectInput{Bucket: &v[0], Key: &v[1], Body: bytes.NewReader(in.payload), ACL: a.acl})
		return err
	})
}

type snsAction struct {
	caller
	target    text
	structure *string
}

func (p *preparer) sns(a *types.SnsAction) action {
	s := &snsAction{caller: p.caller("SnsAction", "sns"), target: p.text(a.TargetArn)}
	if a.MessageFormat == types.MessageFormatJson {
		s.structure = aws.String("json")
	}
	return s
}

func (a *snsAction) do(ctx context.Context, in *input) (string, error) {
	target, err := a.target.of(ctx, in)
	if err != nil {
		return a.target.fixed, err
	}
	return target, a.persist(ctx, func() error {
		_, err := a.clients.SNS.Publish(ctx, &sns.PublishInput{TargetArn: &target, Message: aws.String(string(in.payload)), MessageStructure: a.structure})
		return err
	})
}

type sqsAction struct {
	caller
	queue  text
	base64 bool
}

func (p *preparer) sqs(a *types.SqsAction) action {
	return &sqsAction{p.caller("SqsAction", "sqs"), p.text(a.QueueUrl), aws.ToBool(a.UseBase64)}
}

func (a *sqsAction) do(ctx context.Context, in *input) (string, error) {
	queue, err := a.queue.of(ctx, in)
	if err != nil {
		return a.queue.fixed, err
	}
	body := string(in.payload)
	if a.base64 {
		body = base64.StdEncoding.EncodeToString(in.payload)
	}
	return queue, a.persist(ctx, func() error {
		_, err := a.clients.SQS.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body})
		return err
	})
}

type firehoseAction struct {
	caller
	stream    text
	separator string
	batch     bool
}

// firehoseBatch is how many records of an array one message may carry. [AWS 2.1]
const firehoseBatch = 500

func (p *preparer) firehose(a *types.FirehoseAction) action {
	return &firehoseAction{p.caller("FirehoseAction", "firehose"), p.text(a.DeliveryStreamName), aws.ToString(a.Separator), aws.ToBool(a.BatchMode)}
}

func (a *firehoseAction) do(ctx context.Context, in *input) (string, error) {
	stream, err := a.stream.of(ctx, in)
	if err != nil {
		return a.stream.fixed, err
	}
	parts := []json.RawMessage{in.payload}
	if a.batch {
		parts = nil
		if err := json.Unmarshal(in.payload, &parts); err != nil || len(parts) > firehoseBatch {
			return stream, fmt.Errorf("in batch mode the rule must give an array of at most %d elements", firehoseBatch)
		}
	}
	records := make([]firehosetypes.Record, len(parts))
	for i, part := range parts {
		records[i].Data = append(append([]byte(nil), part...), a.separator...)
	}
	return stream, a.persist(ctx, func() error {
		out, err := a.clients.Firehose.PutRecordBatch(ctx, &firehose.PutRecordBatchInput{DeliveryStreamName: &stream, Records: records})
		if err != nil || aws.ToInt32(out.FailedPutCount) == 0 {
			return err
		}
		var again []firehosetypes.Record
		for i, r := range out.RequestResponses {
			if r.ErrorCode != nil {
				again = append(again, records[i])
			}
		}
		records = again
		return &firehosetypes.ServiceUnavailableException{Message: aws.String(fmt.Sprintf("%d records were not taken", len(again)))}
	})
}

type lambdaAction struct {
	kind
	function text
	invoke   func(ctx context.Context, functionARN string, payload []byte) error
}

func (p *preparer) lambda(a *types.LambdaAction) action {
	return &lambdaAction{kind{"LambdaAction", "lambda"}, p.text(a.FunctionArn), p.engine.options.Invoke}
}

func (a *lambdaAction) do(ctx context.Context, in *input) (string, error) {
	function, err := a.function.of(ctx, in)
	if err != nil {
		return a.function.fixed, err
	}
	payload := in.payload
	if !in.json { // a function's event is JSON; binary arrives as the base64 text of its bytes
		if payload, err = json.Marshal(in.payload); err != nil {
			return functionName(function), err
		}
	}
	return functionName(function), a.invoke(ctx, function, payload)
}

// errNoObject is the failure of actions that spread an object over columns.
var errNoObject = errors.New("the rule's result is no JSON object")

// object decodes the result with its numbers as they are written.
func object(in *input) (map[string]any, error) {
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(in.payload))
	d.UseNumber()
	if !in.json || d.Decode(&fields) != nil || fields == nil {
		return nil, errNoObject
	}
	return fields, nil
}
