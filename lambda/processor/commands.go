package processor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/envelope"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/status"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// Reasons for dead letters about commands; envelope.Unreadable has one more.
const (
	unknownCommand = "unknown_command"
	answerTooLarge = "command_answer_too_large"
)

// commandResult is what a device answers to a command.
type commandResult struct {
	command string
	status  string // one of contract.CommandReceived, CommandSucceeded and CommandFailed
	answer  string // the device's JSON without white space
}

func (r *commandResult) final() bool { return r.status != contract.CommandReceived }

// readResult reads a device's answer. The command is in the topic, as the device is: only its own device can answer it.
// The error is a *telemetry.Error.
func (r *run) readResult(record *stream.Record, index int) error {
	message, err := envelope.Open(record.PartitionKey, record.Data)
	if err != nil {
		return err
	}
	result, problem := parseResult(record.PartitionKey, message)
	if problem != "" {
		return &telemetry.Error{Reason: envelope.Unreadable(envelope.CommandResult), Detail: problem}
	}
	r.readings = append(r.readings, reading{Reading: telemetry.Reading{Time: record.Arrival()}, record: index,
		status: status.Online, result: result})
	return nil
}

func parseResult(thing string, m envelope.Message) (result *commandResult, problem string) {
	levels := strings.Split(m.Topic, "/")
	n := len(levels)
	if n < 5 || levels[n-1] != "result" || levels[n-3] != "commands" || levels[n-4] != thing || levels[n-2] == "" {
		return nil, "the topic is not <prefix>/<thing>/commands/<command>/result"
	}
	var answer struct {
		Status string `json:"status"`
	}
	var compact bytes.Buffer
	if !utf8.Valid(m.Payload) || json.Unmarshal(m.Payload, &answer) != nil || json.Compact(&compact, m.Payload) != nil {
		return nil, `the answer is not a JSON object with the member "status"`
	}
	switch answer.Status {
	case contract.CommandReceived, contract.CommandSucceeded, contract.CommandFailed:
	default:
		return nil, fmt.Sprintf("the answer's status is %.40q, want %s, %s or %s", answer.Status,
			contract.CommandReceived, contract.CommandSucceeded, contract.CommandFailed)
	}
	return &commandResult{command: levels[n-2], status: answer.Status, answer: compact.String()}, ""
}

// commands records what became of the commands that the device management API sent.
type commands struct {
	client dynamoAPI
	table  string
}

// store adds one update per answered command to w. Of several answers in a batch, the first final one counts, else the
// last: no answer follows a final one.
func (c *commands) store(ctx context.Context, b *batch, w *work) {
	type key struct{ thing, command string }
	answers := map[key][]int{} // of readings, in their order
	for i := range b.readings {
		if result := b.readings[i].result; result != nil {
			k := key{b.of(i).PartitionKey, result.command}
			answers[k] = append(answers[k], i)
		}
	}
	for k, list := range answers {
		if c == nil {
			b.rejectAll(list, unknownCommand, "the pipeline has no device management API")
			continue
		}
		counts := list[len(list)-1]
		for _, i := range list {
			if b.readings[i].result.final() {
				counts = i
				break
			}
		}
		*w = append(*w, func() { c.update(ctx, b, k.thing, counts, list) })
	}
}

// rejectAll makes dead letters of the records of readings.
func (b *batch) rejectAll(readings []int, reason, detail string) {
	for _, i := range readings {
		b.reject(b.readings[i].record, reason, detail)
	}
}

// update writes an answer if the command exists and has no final one. A repeated record finds its own and changes
// nothing.
func (c *commands) update(ctx context.Context, b *batch, thing string, counts int, all []int) {
	_, err := c.client.UpdateItem(ctx, c.request(b, thing, counts))
	var (
		refused *types.ConditionalCheckFailedException
		api     smithy.APIError
	)
	switch {
	case err == nil:
	case errors.As(err, &refused):
		// Items of another kind have no status.
		if _, ok := refused.Item[contract.CommandStatusAttribute]; !ok {
			b.rejectAll(all, unknownCommand, fmt.Sprintf("the device was sent no command %q in the last %d days",
				b.readings[counts].result.command, contract.CommandKeepDays))
			return
		}
	case errors.As(err, &api) && api.ErrorCode() == "ValidationException":
		b.rejectAll(all, string(envelope.Unreadable(envelope.CommandResult)), api.ErrorMessage())
		return
	default:
		for _, i := range all {
			b.fail(b.readings[i].record, fmt.Errorf("updating command %q in table %q: %w",
				b.readings[i].result.command, c.table, err))
		}
		return
	}
	for _, i := range all {
		if size := len(b.readings[i].result.answer); size > contract.CommandAnswerBytes {
			b.reject(b.readings[i].record, answerTooLarge, fmt.Sprintf("the answer has %d bytes, and only its status "+
				"is kept: an answer takes %d", size, contract.CommandAnswerBytes))
		}
	}
}

// request writes status and answer; of an answer that is too large, only the status.
func (c *commands) request(b *batch, thing string, i int) *dynamodb.UpdateItemInput {
	result := b.readings[i].result
	set := "SET #status = :status, status_at = :at"
	values := map[string]types.AttributeValue{
		":status": textValue(result.status), ":at": millis(b.of(i).ArrivalMillis),
		":pending": textValue(contract.CommandPending), ":sent": textValue(contract.CommandSent),
		":received": textValue(contract.CommandReceived),
	}
	if len(result.answer) <= contract.CommandAnswerBytes {
		set += ", answer = :answer"
		values[":answer"] = textValue(result.answer)
	}
	return &dynamodb.UpdateItemInput{
		TableName: aws.String(c.table),
		Key: map[string]types.AttributeValue{
			contract.DeviceKey: textValue(thing), contract.CommandKey: textValue(result.command),
		},
		UpdateExpression:                    aws.String(set),
		ConditionExpression:                 aws.String("#status IN (:pending, :sent, :received)"),
		ExpressionAttributeNames:            map[string]string{"#status": contract.CommandStatusAttribute},
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}
