package rules

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/cenkalti/backoff/v5"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/retries"
)

// An action is one compiled action of a rule.
type action interface {
	names() kind
	// start queues the job and returns; it blocks while the queue is full. The action later calls the job's done, once,
	// from any goroutine.
	start(j job)
}

// kind names an action.
type kind struct {
	aws string // in an error document, such as "S3Action"
	key string // in a rule, such as "s3"
}

func (k kind) names() kind { return k }

// perform carries out an action and returns the resource that it worked on, with an error as well.
type perform func(ctx context.Context, in *input) (resource string, err error)

// A laneAction performs its jobs in the lane of the message's topic.
type laneAction struct {
	kind
	engine  *Engine
	perform perform
}

type laneJob struct {
	job
	perform perform
}

func (a laneAction) start(j job) {
	if !a.engine.lanes.Submit(j.input.execution.message.Topic, laneJob{j, a.perform}) {
		j.done(time.Now(), "", context.Canceled)
	}
}

func runInLane(ctx context.Context, j laneJob) {
	began := time.Now()
	resource, err := j.perform(ctx, j.input)
	j.done(began, resource, err)
}

// text is a field of an action: fixed, or a substitution template. [IoT-SQL 16]
type text struct {
	fixed    string
	template *iotsql.Template
}

func (t text) of(ctx context.Context, in *input) (string, error) {
	if t.template == nil {
		return t.fixed, nil
	}
	x := in.execution
	s, err := x.rule.query.EvalTemplate(ctx, t.template, &x.message.Message)
	if err != nil {
		return "", fmt.Errorf("evaluating a substitution template: %w", err)
	}
	return s, nil
}

// texts evaluates several fields.
func texts(ctx context.Context, in *input, fields ...text) ([]string, error) {
	values := make([]string, len(fields))
	for i, f := range fields {
		v, err := f.of(ctx, in)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

// A preparer compiles the actions of one rule and collects their errors.
type preparer struct {
	engine   *Engine
	options  iotsql.Options
	problems []error
}

func (p *preparer) err() error { return errors.Join(p.problems...) }

func (p *preparer) text(s *string) text {
	t := text{fixed: aws.ToString(s)}
	if !strings.Contains(t.fixed, "${") {
		return t
	}
	template, err := iotsql.CompileTemplate(t.fixed, p.options)
	if err != nil {
		p.problems = append(p.problems, fmt.Errorf("substitution template %q: %w", t.fixed, err))
		return t
	}
	t.template = template
	return t
}

// prepare compiles the action. An unsupported one fails for every message, so its rule's error action runs.
func (p *preparer) prepare(a types.Action) action {
	if a.Kinesis != nil {
		return p.kinesis(a.Kinesis)
	}
	inLane := func(aws, key string, perform perform) action { return laneAction{kind{aws, key}, p.engine, perform} }
	switch {
	case a.S3 != nil:
		return inLane("S3Action", "s3", p.s3(a.S3))
	case a.Sns != nil:
		return inLane("SnsAction", "sns", p.sns(a.Sns))
	case a.Sqs != nil:
		return inLane("SqsAction", "sqs", p.sqs(a.Sqs))
	case a.DynamoDB != nil:
		return inLane("DynamoDBAction", "dynamodb", p.dynamoDB(a.DynamoDB))
	case a.DynamoDBv2 != nil:
		return inLane("DynamoDBv2Action", "dynamodbv2", p.dynamoDBv2(a.DynamoDBv2))
	case a.Lambda != nil:
		return inLane("LambdaAction", "lambda", p.lambda(a.Lambda))
	case a.Firehose != nil:
		return inLane("FirehoseAction", "firehose", p.firehose(a.Firehose))
	case a.Timestream != nil:
		return inLane("TimestreamAction", "timestream", p.timestream(a.Timestream))
	case a.Republish != nil:
		return inLane("RepublishAction", "republish", p.republish(a.Republish))
	case a.CloudwatchMetric != nil:
		return inLane("CloudwatchMetricAction", "cloudwatch_metric", p.metric(a.CloudwatchMetric))
	case a.CloudwatchAlarm != nil:
		return inLane("CloudwatchAlarmAction", "cloudwatch_alarm", p.alarm(a.CloudwatchAlarm))
	case a.CloudwatchLogs != nil:
		return inLane("CloudwatchLogsAction", "cloudwatch_logs", p.logs(a.CloudwatchLogs))
	case a.Http != nil:
		return inLane("HttpAction", "http", p.http(a.Http))
	}
	return inLane("UnsupportedAction", "unsupported", unsupported)
}

func unsupported(context.Context, *input) (string, error) {
	return "", errors.New("iot-local does not support this kind of action; AWS does")
}

// persist repeats the call while its service is throttled or unavailable.
func (e *Engine) persist(ctx context.Context, call func() error) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := call()
		if err != nil && !worthRetrying(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	},
		backoff.WithBackOff(retries.Doubling(100*time.Millisecond, 3*time.Second)),
		backoff.WithMaxElapsedTime(e.options.RetryFor),
	)
	return err
}

// The SDK's standard retryer decides by error code, HTTP status and connection errors.
var (
	retryable = retry.IsErrorRetryables(retry.DefaultRetryables)
	throttled = retry.IsErrorThrottles(retry.DefaultThrottles)
)

func worthRetrying(err error) bool {
	var exhausted *retry.MaxAttemptsError
	if errors.As(err, &exhausted) {
		err = exhausted.Err
	}
	return retryable.IsErrorRetryable(err) == aws.TrueTernary || throttled.IsErrorThrottle(err) == aws.TrueTernary
}
