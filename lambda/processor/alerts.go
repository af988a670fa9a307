package processor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/envelope"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/thing"
)

// alertUndecided is the reason of a message about which the statement of the alerts cannot decide. A topic rule would
// send it to the same queue.
const alertUndecided = "alert_undecided"

const (
	// statementAge is how long a statement is used before it is read again.
	statementAge = time.Minute
	// alertChunk is how many records one worker looks at.
	alertChunk = 200
)

// invokeAPI is the part of the Lambda client that the processor uses.
type invokeAPI interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// rulesAPI is the part of the DynamoDB client that reads the statement.
type rulesAPI interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}

// alerts passes messages for which an alert may be due to the alerts function. It does what otherwise a topic rule
// does, with the same statement.
type alerts struct {
	invoker         invokeAPI
	rules           rulesAPI
	function, table string
	prefix          string // of topics
	log             *slog.Logger

	text  string        // the statement
	query *iotsql.Query // nil: no message can raise an alert
	until time.Time     // when it is read again
}

// store adds the calls to w.
func (a *alerts) store(ctx context.Context, b *batch, w *work) {
	if a == nil || len(b.records) == 0 {
		return
	}
	if err := a.read(ctx, b.now); err != nil {
		for i := range b.records {
			b.fail(i, err)
		}
		return
	}
	if a.query == nil {
		return
	}
	for start := 0; start < len(b.records); start += alertChunk {
		end := min(start+alertChunk, len(b.records))
		*w = append(*w, func() {
			for i := start; i < end; i++ {
				a.pass(ctx, b, i)
			}
		})
	}
}

// pass passes a record on if the statement selects it. A record without readable measures is looked at as well: its
// payload may meet a condition. A mistake of the program that shows with this record costs the record, not its batch.
func (a *alerts) pass(ctx context.Context, b *batch, i int) {
	r := &b.records[i]
	if r.Damaged || !thing.Valid(r.PartitionKey) || envelope.KindOf(r.Data) != envelope.Telemetry {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			a.log.ErrorContext(ctx, "the conditions of alerts panicked; sending the record to the dead-letter queue",
				"thing", r.PartitionKey, "sequence_number", r.SequenceNumber, "error", fmt.Sprint(v), "stack",
				string(debug.Stack()))
			b.reject(i, string(panicked), "the processor has a mistake that this record shows")
		}
	}()
	result, err := a.query.Eval(ctx, &iotsql.Message{
		Topic: a.prefix + "/" + r.PartitionKey + "/telemetry", Payload: []byte(r.Data), Time: r.Arrival(),
		TraceID: r.SequenceNumber,
	})
	if err != nil {
		if ctx.Err() != nil {
			b.fail(i, ctx.Err())
			return
		}
		b.reject(i, alertUndecided, err.Error())
		return
	}
	if !result.Matched {
		return
	}
	_, err = a.invoker.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(a.function), Payload: result.Payload,
		InvocationType: lambdatypes.InvocationTypeEvent})
	if err != nil {
		b.fail(i, fmt.Errorf("invoking function %q: %w", a.function, err))
	}
}

// read reads the statement, at most once a minute. The old one serves while the table cannot be read.
func (a *alerts) read(ctx context.Context, now time.Time) error {
	if now.Before(a.until) && now.After(a.until.Add(-2*statementAge)) {
		return nil
	}
	query := a.query
	text, err := a.statement(ctx)
	if err == nil && text != a.text {
		query, err = compileStatement(text)
	}
	switch {
	case err == nil:
		a.text, a.query = text, query
	case a.until.IsZero():
		return err
	default:
		a.log.WarnContext(ctx, "reading the statement of the alerts; the last one serves", "error", err.Error())
	}
	a.until = now.Add(statementAge)
	return nil
}

func compileStatement(text string) (*iotsql.Query, error) {
	if text == "" {
		return nil, nil
	}
	query, err := iotsql.Compile(text, iotsql.Options{})
	if err != nil {
		return nil, fmt.Errorf("compiling the statement of the alerts: %w", err)
	}
	return query, nil
}

// statement is the one of the rules document.
func (a *alerts) statement(ctx context.Context) (string, error) {
	out, err := a.rules.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(a.table),
		Key:            map[string]types.AttributeValue{contract.DeviceKey: textValue(contract.RulesItem)},
		ConsistentRead: aws.Bool(true)})
	if err != nil {
		return "", fmt.Errorf("reading item %q of table %q: %w", contract.RulesItem, a.table, err)
	}
	document := content(out.Item[contract.DocumentAttribute])
	if document == "" {
		return "", errors.New("table " + a.table + " has no rules document")
	}
	var d contract.AlertRules[json.RawMessage]
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		return "", fmt.Errorf("reading the rules document of table %q: %w", a.table, err)
	}
	return d.Stream, nil
}
