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

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/clients"
)

// An action is one action of a rule, prepared.
type action interface {
	// name is what AWS calls it in an error document, such as "S3Action".
	name() string
	// label is its key in a rule, such as "s3".
	label() string
	// do performs it and returns the resource that it worked on.
	do(ctx context.Context, in *input) (resource string, err error)
}

// kind is the names of an action, for embedding.
type kind struct{ aws, key string }

func (k kind) name() string  { return k.aws }
func (k kind) label() string { return k.key }

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
	s, err := x.rule.query.EvalTemplate(ctx, t.template, x.sql)
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

// A preparer compiles the actions of one rule and gathers what is wrong with them.
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

// caller is what most actions need: the clients, and patience.
type caller struct {
	kind
	clients  *clients.Set
	retryFor time.Duration
}

func (p *preparer) caller(aws, key string) caller {
	return caller{kind{aws, key}, p.engine.options.Clients, p.engine.options.RetryFor}
}

// prepare makes the action; one that is not performed here fails at every message, and so goes to the error action.
func (p *preparer) prepare(a types.Action) action {
	switch {
	case a.Kinesis != nil:
		return p.kinesis(a.Kinesis)
	case a.S3 != nil:
		return p.s3(a.S3)
	case a.Sns != nil:
		return p.sns(a.Sns)
	case a.Sqs != nil:
		return p.sqs(a.Sqs)
	case a.DynamoDB != nil:
		return p.dynamoDB(a.DynamoDB)
	case a.DynamoDBv2 != nil:
		return p.dynamoDBv2(a.DynamoDBv2)
	case a.Lambda != nil:
		return p.lambda(a.Lambda)
	case a.Firehose != nil:
		return p.firehose(a.Firehose)
	case a.Timestream != nil:
		return p.timestream(a.Timestream)
	case a.Republish != nil:
		return p.republish(a.Republish)
	case a.CloudwatchMetric != nil:
		return p.metric(a.CloudwatchMetric)
	case a.CloudwatchAlarm != nil:
		return p.alarm(a.CloudwatchAlarm)
	case a.CloudwatchLogs != nil:
		return p.logs(a.CloudwatchLogs)
	case a.Http != nil:
		return p.http(a.Http)
	}
	return unsupported{kind{"UnsupportedAction", "unsupported"}}
}

// unsupported stands for an action whose service the local runtime does not speak to.
type unsupported struct{ kind }

func (unsupported) do(context.Context, *input) (string, error) {
	return "", errors.New("the local runtime does not perform this kind of action; AWS does")
}

// retryable decides by error code, HTTP status and connection errors, as the SDK's standard retryer does.
var retryable = retry.IsErrorRetryables(retry.DefaultRetryables)

// persist repeats the call while its service is throttled or unwell.
func (c caller) persist(ctx context.Context, call func() error) error {
	return persist(ctx, c.retryFor, call)
}

func persist(ctx context.Context, retryFor time.Duration, call func() error) error {
	const first, longest = 100 * time.Millisecond, 3 * time.Second
	deadline, delay := time.Now().Add(retryFor), first
	for {
		err := call()
		if err == nil || !worthRetrying(err) || time.Now().Add(delay).After(deadline) {
			return err
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return err
		}
		delay = min(2*delay, longest)
	}
}

func worthRetrying(err error) bool {
	var exhausted *retry.MaxAttemptsError
	if errors.As(err, &exhausted) {
		err = exhausted.Err
	}
	return retryable.IsErrorRetryable(err) == aws.TrueTernary || throttled.IsErrorThrottle(err) == aws.TrueTernary
}

var throttled = retry.IsErrorThrottles(retry.DefaultThrottles)
