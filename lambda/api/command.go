package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	datatypes "github.com/aws/aws-sdk-go-v2/service/iotdataplane/types"
	"github.com/google/uuid"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/awsenv"
)

// command is a command as it is stored. Times are in epoch ms.
type command struct {
	id, device, status string
	payload, requester string
	reply              string // of the device
	created, sent      int64
	statusAt, deadline int64
}

// newCommand makes a command from a compact JSON object.
func (s *service) newCommand(device string, body []byte, length time.Duration, requester string) (*command, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	now := s.now()
	payload := `{"` + contract.CommandMember + `":"` + id.String() + `"`
	if len(body) > len("{}") {
		payload += ","
	}
	return &command{
		id: id.String(), device: device, status: contract.CommandPending, payload: payload + string(body[1:]),
		requester: requester, created: now.UnixMilli(), statusAt: now.UnixMilli(),
		deadline: now.Add(length).UnixMilli(),
	}, nil
}

func commandKey(device, id string) item {
	return item{contract.DeviceKey: text(device), contract.CommandKey: text(id)}
}

// digest tells requests with one Idempotency-Key apart.
func digest(device string, expiresIn int64, body []byte) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s", device, expiresIn, body))
	return hex.EncodeToString(sum[:])
}

// row is a command's item.
func (c *command) row() item {
	row := commandKey(c.device, c.id)
	row[contract.CommandStatusAttribute] = text(c.status)
	row[contract.CommandPayloadAttribute] = text(c.payload)
	row[contract.CommandCreatedAttribute] = number(c.created)
	row[contract.CommandStatusAtAttribute] = number(c.statusAt)
	row[contract.CommandDeadlineAttribute] = number(c.deadline)
	row[contract.CommandRequesterAttribute] = text(c.requester)
	row[contract.ExpiryAttribute] = number(time.UnixMilli(c.created).AddDate(0, 0, contract.CommandKeepDays).Unix())
	return row
}

func readCommand(row item) *command {
	return &command{
		id: content(row[contract.CommandKey]), device: content(row[contract.DeviceKey]),
		status: content(row[contract.CommandStatusAttribute]), payload: content(row[contract.CommandPayloadAttribute]),
		requester: content(row[contract.CommandRequesterAttribute]),
		reply:     content(row[contract.CommandAnswerAttribute]),
		created:   whole(row[contract.CommandCreatedAttribute]), sent: whole(row[contract.CommandSentAttribute]),
		statusAt: whole(row[contract.CommandStatusAtAttribute]),
		deadline: whole(row[contract.CommandDeadlineAttribute]),
	}
}

// expired reports whether the command's deadline has passed without a final answer.
func (c *command) expired(now time.Time) bool {
	final := c.status == contract.CommandSucceeded || c.status == contract.CommandFailed
	return !final && now.UnixMilli() > c.deadline
}

// answer is what the API says of a command.
func (c *command) answer(now time.Time) Command {
	out := Command{
		ID: c.id, Device: c.device, Status: c.status, StatusAt: moment(number(c.statusAt)),
		Payload: json.RawMessage(c.payload), CreatedAt: moment(number(c.created)), SentAt: moment(number(c.sent)),
		Deadline: moment(number(c.deadline)), RequestedBy: c.requester,
	}
	if c.expired(now) {
		out.Status = commandExpiredStatus
	}
	if json.Valid([]byte(c.reply)) {
		out.Answer = json.RawMessage(c.reply)
	}
	return out
}

// store stores a new command. Storing it again changes nothing that matters: nobody knows its ID yet.
func (s *service) store(ctx context.Context, c *command) error {
	_, err := s.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(s.commands), Item: c.row()})
	return err
}

// storeOnce stores a new command and its Idempotency-Key together, or returns the command that the key made before.
func (s *service) storeOnce(ctx context.Context, c *command, key, digest string) (*command, error) {
	sum := sha256.Sum256([]byte(key))
	entry := commandKey(c.device, contract.IdempotencyPrefix+hex.EncodeToString(sum[:]))
	entry[contract.CommandOfKeyAttribute] = text(c.id)
	entry[contract.DigestAttribute] = text(digest)
	expires := s.now().AddDate(0, 0, contract.IdempotencyKeepDays)
	entry[contract.ExpiryAttribute] = number(expires.Unix())
	in := &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{
			TableName: aws.String(s.commands), Item: entry,
			// DynamoDB deletes what has expired some hours late.
			ConditionExpression:       aws.String("attribute_not_exists(command_id) OR expires_at < :now"),
			ExpressionAttributeValues: item{":now": number(s.now().Unix())},
		}},
		{Put: &types.Put{TableName: aws.String(s.commands), Item: c.row()}},
	}}
	for attempt := 1; ; attempt++ {
		_, err := s.db.TransactWriteItems(ctx, in)
		var canceled *types.TransactionCanceledException
		switch {
		case err == nil:
			return c, nil
		case !errors.As(err, &canceled):
			return nil, err
		case reason(canceled) == "ConditionalCheckFailed":
			return s.earlier(ctx, entry, digest)
		case reason(canceled) != "TransactionConflict" || attempt == attempts:
			return nil, throttled.problem("Another request with this Idempotency-Key is being handled, or AWS " +
				"limits the rate of requests.").retryAfter(retryThrottled)
		}
		if err := awsenv.Pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// reason returns why a transaction was cancelled: the first of its requests that has a reason.
func reason(canceled *types.TransactionCanceledException) string {
	for _, r := range canceled.CancellationReasons {
		if code := aws.ToString(r.Code); code != "" && code != "None" {
			return code
		}
	}
	return ""
}

// earlier returns the command that an Idempotency-Key made before.
func (s *service) earlier(ctx context.Context, entry item, digest string) (*command, error) {
	stored, err := s.read(ctx, content(entry[contract.DeviceKey]), content(entry[contract.CommandKey]))
	if err != nil {
		return nil, err
	}
	if content(stored[contract.DigestAttribute]) != digest {
		return nil, keyReused.problem("In the last 24 hours the Idempotency-Key was used for another command of this " +
			"device.")
	}
	row, err := s.read(ctx, content(entry[contract.DeviceKey]), content(stored[contract.CommandOfKeyAttribute]))
	if err != nil {
		return nil, err
	}
	c := readCommand(row)
	if c.status == contract.CommandPending && c.expired(s.now()) {
		return nil, commandExpired.problem("Command %s of this Idempotency-Key was not sent before its deadline; use "+
			"another key.", c.id)
	}
	return c, nil
}

func (s *service) read(ctx context.Context, device, id string) (item, error) {
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(s.commands), Key: commandKey(device, id), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// publish sends a command to its device, and notes that it was sent. If the note fails, the command was sent all the
// same, and its status stays pending until the device answers.
func (s *service) publish(ctx context.Context, c *command) error {
	expiry := max(1, (c.deadline-s.now().UnixMilli())/1000)
	_, err := s.data.Publish(ctx, &iotdataplane.PublishInput{
		Topic: aws.String(contract.CommandTopic(s.prefix, c.device, s.gateways)), Qos: 1, Payload: []byte(c.payload),
		ContentType: aws.String("application/json"), PayloadFormatIndicator: datatypes.PayloadFormatIndicatorUtf8Data,
		ResponseTopic:   aws.String(contract.CommandResultTopic(s.prefix, c.device, c.id)),
		CorrelationData: aws.String(base64.StdEncoding.EncodeToString([]byte(c.id))), MessageExpiry: expiry,
	})
	if err != nil {
		return err
	}
	c.status, c.sent = contract.CommandSent, s.now().UnixMilli()
	c.statusAt = c.sent
	_, err = s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(s.commands), Key: commandKey(c.device, c.id),
		UpdateExpression:         aws.String("SET #status = :sent, status_at = :now, sent_at = :now"),
		ConditionExpression:      aws.String("#status = :pending"), // the device may have answered
		ExpressionAttributeNames: map[string]string{"#status": contract.CommandStatusAttribute},
		ExpressionAttributeValues: item{":sent": text(contract.CommandSent), ":pending": text(contract.CommandPending),
			":now": number(c.sent)},
	})
	if err != nil && !errors.As(err, new(*types.ConditionalCheckFailedException)) {
		s.log.WarnContext(ctx, "a command was sent, and this could not be noted", "command", c.id, "error", err.Error())
	}
	return nil
}
