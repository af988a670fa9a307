package alerts

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/deadletter"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/emf"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/notice"
)

// renderer is a compiled template.
type renderer interface {
	Eval(context.Context, *iotsql.Message) (string, error)
}

// compileCommand compiles a command. A command that is JSON remains JSON whatever the device sends, so that a device
// cannot write its own commands. Any other command is plain text, with the values as they are.
func compileCommand(text string, options iotsql.Options) (renderer, error) {
	plain, err := iotsql.CompileTemplate(text, options)
	if err != nil {
		return nil, err
	}
	if document, err := plain.JSON(); err == nil {
		return document, nil
	}
	return plain, nil
}

const (
	// maxCommand is the size of an MQTT payload in bytes [AWS 1.3].
	maxCommand = 128 << 10
	// maxDetail cuts the reason for a dead letter, which may quote a value.
	maxDetail = 1024
)

// command sends the rule's command to the device, on the only topic that its policy, or its gateway's, lets it receive.
func (h *handler) command(ctx context.Context, r *rule, e *event, m *iotsql.Message, metrics *emf.Recorder) error {
	if r.command == nil {
		return nil
	}
	payload, err := r.command.Eval(ctx, m)
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("rendering the command of alert %q: %w", r.name, err)
	case err != nil:
		return h.dropCommand(ctx, r, e, "command_not_rendered", err.Error(), metrics)
	case len(payload) > maxCommand:
		detail := fmt.Sprintf("the command has %d bytes, a message at most %d", len(payload), maxCommand)
		return h.dropCommand(ctx, r, e, "command_too_large", detail, metrics)
	}
	if _, err := h.device.Publish(ctx, &iotdataplane.PublishInput{
		Topic: aws.String(contract.CommandTopic(h.prefix, e.thing, h.gateways)), Qos: 1, Payload: []byte(payload),
	}); err != nil {
		return fmt.Errorf("publishing the command of alert %q to %q: %w", r.name, e.thing, err)
	}
	metrics.Count("Commands", 1)
	return nil
}

// dropCommand sends the message to the dead-letter queue if no command can be made of it. A retry would only repeat the
// notification.
func (h *handler) dropCommand(
	ctx context.Context,
	r *rule,
	e *event,
	reason, detail string,
	metrics *emf.Recorder,
) error {
	metrics.CountReason(contract.RejectedMetric, reason, 1)
	h.log.ErrorContext(ctx, "cannot send command; sending the message to the dead-letter queue",
		"rule", r.name, "thing", e.thing, "reason", reason, "detail", detail)
	err := h.deadLetters.Send(ctx, deadletter.Letter{
		Pipeline: h.pipeline, Source: "alerts", Thing: e.thing, Topic: e.topic, ArrivedAt: e.receivedAt,
		SequenceNumber: requestID(ctx), Payload: e.payload, Reason: reason,
		Detail: fmt.Sprintf("alert %q: %s", r.name, notice.Cut(detail, maxDetail)),
	})
	if err == nil {
		metrics.Count(contract.DeadLettersMetric, 1)
	}
	return err
}

// render fills in the message template. If the template fails, the alert is sent anyway.
func (h *handler) render(ctx context.Context, r *rule, m *iotsql.Message) string {
	if r.message != nil {
		text, err := r.message.EvalMap(ctx, m, notice.OneLine)
		if err == nil && text != "" {
			return notice.Cut(text, maxMessage)
		}
		if err != nil {
			h.log.ErrorContext(ctx, "cannot render alert message", "rule", r.name, "error", err.Error())
		}
	}
	return r.name + ": " + r.when
}
