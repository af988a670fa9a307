package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/danielgtaylor/huma/v2"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// commandExpiredStatus is the status of a command that is not final and past its deadline.
const commandExpiredStatus = "expired"

// maxCommandBytes bounds a command; AWS IoT takes messages of 128 KB, and the API adds the command's ID.
const maxCommandBytes = 100 << 10

// Command is a command that was sent to a device, or is about to be.
type Command struct {
	ID          string          `json:"id" doc:"A UUIDv7; it is the member command_id of the payload"`
	Device      string          `json:"device"`
	Status      string          `json:"status" enum:"pending,sent,received,succeeded,failed,expired"`
	StatusAt    *time.Time      `json:"status_at,omitempty" doc:"When the stored status was set"`
	Payload     json.RawMessage `json:"payload" doc:"What was published"`
	CreatedAt   *time.Time      `json:"created_at,omitempty"`
	SentAt      *time.Time      `json:"sent_at,omitempty" doc:"When AWS IoT took it"`
	Deadline    *time.Time      `json:"deadline,omitempty" doc:"AWS IoT does not deliver it later"`
	RequestedBy string          `json:"requested_by,omitempty" doc:"The caller: an ARN, or the subject of a token"`
	Answer      json.RawMessage `json:"answer,omitempty" doc:"What the device answered"`
}

// Commands is a page of commands.
type Commands struct {
	Commands []Command `json:"commands"`
	Cursor   string    `json:"cursor,omitempty" doc:"Of the next page; absent on the last"`
}

type sendInput struct {
	DeviceParameter
	Key       string `header:"Idempotency-Key" maxLength:"255" pattern:"^[!-~]+$" doc:"Repeats are one command"`
	ExpiresIn int64  `query:"expires_in" minimum:"1" maximum:"604800" default:"3600" doc:"Seconds to its deadline"`
	Body      map[string]any
	RawBody   []byte
}

type sendOutput struct {
	Status   int
	Location string `header:"Location" doc:"The command's path"`
	Body     Command
}

type commandsInput struct {
	DeviceParameter
	PageParameters
}

type commandsOutput struct{ Body Commands }

type commandInput struct {
	DeviceParameter
	Command string `path:"command" format:"uuid" pattern:"^[0-9a-f-]{36}$" doc:"The command's ID"`
}

type commandOutput struct{ Body Command }

func (s *service) commandOperations(api huma.API) {
	const path = "/v1/devices/{device}/commands"
	send := operation("sendCommand", http.MethodPost, path, "Send a command",
		"Publishes the body, a JSON object, on the device's commands topic with QoS 1, with a member `command_id`. "+
			"The answer has the command's status; the device's own answer follows later, if it sends one. Without an "+
			"answer 202 the command may or may not have been sent; repeat the request with the same "+
			"`Idempotency-Key`. For 24 hours, requests with the same key, device, body and `expires_in` are one "+
			"command. A device can receive a command twice, and tells by `command_id`.",
		http.StatusConflict)
	send.DefaultStatus = http.StatusAccepted
	send.MaxBodyBytes = maxCommandBytes + 1
	register(api, send, s.sendCommand)
	register(api, operation("listCommands", http.MethodGet, path, "List commands",
		"A device's commands of the last 30 days, newest first. `pending`: stored, and not published yet. `sent`: AWS "+
			"IoT has it. `received`, `succeeded`, `failed`: what the device answered. `expired`: no final answer came "+
			"before the deadline.", http.StatusBadRequest), s.listCommands)
	register(api, operation("getCommand", http.MethodGet, path+"/{command}", "Get a command",
		"A command, and what the device answered."), s.getCommand)
}

func (s *service) sendCommand(ctx context.Context, in *sendInput) (*sendOutput, error) {
	if _, ok := in.Body[contract.CommandMember]; ok {
		return nil, invalid.problem("The API sets the member %q itself.", contract.CommandMember).
			at("body."+contract.CommandMember, "the API sets it")
	}
	if err := s.known(ctx, in.Device); err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err := json.Compact(&body, in.RawBody); err != nil {
		return nil, malformed.problem("The body is not JSON.")
	}
	c, err := s.newCommand(in.Device, body.Bytes(), time.Duration(in.ExpiresIn)*time.Second, caller(ctx))
	if err != nil {
		return nil, s.failed(ctx, err, "making a command")
	}
	if in.Key == "" {
		err = s.store(ctx, c)
	} else {
		c, err = s.storeOnce(ctx, c, in.Key, digest(in.Device, in.ExpiresIn, body.Bytes()))
	}
	if err != nil {
		return nil, s.failed(ctx, err, "storing a command")
	}
	if c.status == contract.CommandPending {
		if err := s.publish(ctx, c); err != nil {
			return nil, s.unsent(ctx, err, c, in.Key != "")
		}
	}
	return &sendOutput{
		Status: http.StatusAccepted, Location: "/v1/devices/" + c.device + "/commands/" + c.id, Body: c.answer(s.now()),
	}, nil
}

// unsent returns the problem of a command that is stored and could not be published.
func (s *service) unsent(ctx context.Context, err error, c *command, hasKey bool) error {
	p := s.failed(ctx, err, "publishing a command")
	if p.Status < http.StatusInternalServerError && p.Status != http.StatusTooManyRequests {
		return p
	}
	p.Detail += " Command " + c.id + " is stored and may not have been sent; repeat the request"
	if hasKey {
		p.Detail += " with the same Idempotency-Key."
	} else {
		p.Detail += ", with an Idempotency-Key if the device must not do it twice."
	}
	return p
}

func (s *service) listCommands(ctx context.Context, in *commandsInput) (*commandsOutput, error) {
	query := []string{"commands", in.Device}
	after, err := s.place(query, in.Cursor)
	if err != nil {
		return nil, err
	}
	var key item
	if after != "" {
		key = commandKey(in.Device, after)
	}
	out, err := s.db.Query(ctx, &dynamodb.QueryInput{
		TableName: aws.String(s.commands),
		// The keys of idempotency come after all IDs.
		KeyConditionExpression:    aws.String("device_id = :device AND command_id < :keys"),
		ExpressionAttributeValues: item{":device": text(in.Device), ":keys": text(contract.IdempotencyPrefix)},
		ScanIndexForward:          aws.Bool(false), Limit: aws.Int32(int32(in.Limit)), ExclusiveStartKey: key,
	})
	if err != nil {
		return nil, s.failed(ctx, err, "listing commands")
	}
	if len(out.Items) == 0 && after == "" {
		if err := s.known(ctx, in.Device); err != nil {
			return nil, err
		}
	}
	list := Commands{Commands: []Command{}}
	next, size := content(out.LastEvaluatedKey[contract.CommandKey]), 0
	for i, row := range out.Items {
		c := readCommand(row)
		list.Commands = append(list.Commands, c.answer(s.now()))
		size += len(c.payload) + len(c.reply)
		if size > answerBytes && i+1 < len(out.Items) {
			next = c.id
			break
		}
	}
	list.Cursor = s.cursor(query, next)
	return &commandsOutput{list}, nil
}

func (s *service) getCommand(ctx context.Context, in *commandInput) (*commandOutput, error) {
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(s.commands), Key: commandKey(in.Device, in.Command), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, s.failed(ctx, err, "reading a command")
	}
	if len(out.Item) == 0 {
		if err := s.known(ctx, in.Device); err != nil {
			return nil, err
		}
		return nil, unknownCommand.problem("Device %q has no command %q.", in.Device, in.Command)
	}
	return &commandOutput{readCommand(out.Item).answer(s.now())}, nil
}
