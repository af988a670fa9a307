package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/mattn/go-isatty"
)

// results shows what arrived where. A store that is empty is an error: the demo must not look well when it is not.
func (s *show) results(ctx context.Context, m *made, own *ownKeyDevice) error {
	for _, show := range []func(context.Context, *made) (int, error){s.timeSeries, s.deviceState, s.archive,
		s.metrics, s.alerts, s.deadLetters} {
		n, err := show(ctx, m)
		if err != nil {
			return err
		}
		if n == 0 {
			return errors.New("nothing arrived there")
		}
	}
	heading("Commands received by soil-002", len(own.commands))
	for len(own.commands) > 0 {
		fmt.Println("    " + <-own.commands)
	}
	return nil
}

func heading(what string, n int) { fmt.Printf("\n  %s\n", bold(fmt.Sprintf("%s: %d", what, n))) }

// bold marks a text, unless the output goes to a file or a pipe. [no-color.org]
func bold(text string) string {
	if os.Getenv("NO_COLOR") != "" || !isatty.IsTerminal(os.Stdout.Fd()) {
		return text
	}
	return "\033[1m" + text + "\033[0m"
}

const shown = 5

func (s *show) timeSeries(ctx context.Context, m *made) (int, error) {
	_, name, _ := strings.Cut(m.TimestreamTableARN, ":database/")
	database, table, _ := strings.Cut(name, "/table/")
	rows, err := s.server.ReadTimestream(ctx, database, table)
	if err != nil {
		return 0, err
	}
	heading("Rows in Timestream ("+database+"."+table+")", len(rows))
	for _, r := range rows[max(0, len(rows)-shown):] {
		var values []string
		for _, v := range r.MeasureValues {
			values = append(values, v.Name+"="+v.Value)
		}
		fmt.Printf("    %s  %v  %s\n", r.Time, r.Dimensions, strings.Join(values, " "))
	}
	return len(rows), nil
}

func (s *show) deviceState(ctx context.Context, m *made) (int, error) {
	out, err := dynamodb.NewFromConfig(s.server.AWSConfig()).
		Scan(ctx, &dynamodb.ScanInput{TableName: &m.DeviceTableName})
	if err != nil {
		return 0, err
	}
	var states []string
	for _, item := range out.Items {
		if device := text(item["device_id"]); !strings.HasPrefix(device, "$") {
			states = append(states,
				fmt.Sprintf("%s  %-8s last seen %s  %s", device, text(item["status"]), text(item["last_seen"]),
					text(item["latest"])))
		}
	}
	slices.Sort(states)
	heading("Devices in DynamoDB ("+m.DeviceTableName+")", len(states))
	for _, state := range states {
		fmt.Println("    " + state)
	}
	return len(states), nil
}

// text shows an attribute value.
func text(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	case *types.AttributeValueMemberBOOL:
		return fmt.Sprint(v.Value)
	case *types.AttributeValueMemberM:
		var members []string
		for name, member := range v.Value {
			members = append(members, name+"="+text(member))
		}
		slices.Sort(members)
		return strings.Join(members, " ")
	}
	return ""
}

func (s *show) alerts(ctx context.Context, m *made) (int, error) {
	notes, err := s.server.ReadNotifications(ctx, m.AlertTopicARN)
	if err != nil {
		return 0, err
	}
	heading("Alerts on SNS", len(notes))
	for _, n := range notes {
		var forms struct {
			Email   string `json:"email"`
			Default string `json:"default"`
		}
		message := n.Message
		if json.Unmarshal([]byte(message), &forms) == nil && forms.Default != "" {
			message = forms.Email
			if message == "" {
				message = forms.Default
			}
		}
		first, _, _ := strings.Cut(message, "\n")
		fmt.Printf("    %s: %s\n", n.Subject, first)
	}
	return len(notes), nil
}

func (s *show) deadLetters(ctx context.Context, m *made) (int, error) {
	out, err := sqs.NewFromConfig(s.server.AWSConfig()).
		ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &m.DeadLetterQueueURL, MaxNumberOfMessages: 10})
	if err != nil {
		return 0, err
	}
	heading("Dead letters in SQS", len(out.Messages))
	for _, message := range out.Messages {
		var letter struct {
			Thing, Topic, Reason, Detail string
			Payload                      string `json:"payload_base64"`
		}
		if err := json.Unmarshal([]byte(aws.ToString(message.Body)), &letter); err != nil {
			return 0, fmt.Errorf("reading a dead letter: %w", err)
		}
		payload, err := base64.StdEncoding.DecodeString(letter.Payload)
		if err != nil {
			return 0, fmt.Errorf("reading a dead letter: %w", err)
		}
		fmt.Printf("    from %s on %s: %q: %s %s\n", letter.Thing, letter.Topic, payload, letter.Reason, letter.Detail)
	}
	return len(out.Messages), nil
}
