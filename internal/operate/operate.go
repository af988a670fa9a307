// Package operate is what operators do with a pipeline that is deployed: they send commands to devices, switch its
// rules off and on, and rotate certificates. The provider's actions and the command iotctl are two ways to call it.
//
// It changes nothing that a configuration describes, except what it says, and must not know Terraform.
package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/topicrule"
)

// Progress tells the operator what has been done.
type Progress func(message string)

// SetRules switches topic rules of a pipeline on or off; none named means all. Rules that the configuration switches
// off stay off. It goes on after an error, and returns all of them.
func SetRules(ctx context.Context, p *deployed.Pipeline, rules []string, on bool, tell Progress) error {
	all, names := p.Rules()
	if len(rules) == 0 {
		rules = all
	}
	for _, key := range rules {
		if !slices.Contains(all, key) {
			return fmt.Errorf("pipeline %q has no rule %q that could be switched on or off. Its rules are: %s. "+
				"Nothing was changed", p.Name, key, strings.Join(all, ", "))
		}
	}
	var errs []error
	for _, key := range rules {
		if err := setRule(ctx, p, key, names[key], on, tell); err != nil {
			errs = append(errs, fmt.Errorf("rule %q: %w", key, err))
		}
	}
	return errors.Join(errs...)
}

func setRule(ctx context.Context, p *deployed.Pipeline, key, name string, on bool, tell Progress) error {
	c := p.Clients()
	have, err := topicrule.New(c).Observe(ctx, assembly.Ref{Name: name, ID: name, Owner: p.ID, Full: true})
	switch {
	case err != nil:
		return err
	case have == nil:
		return fmt.Errorf("there is no topic rule %q; an apply of the pipeline makes it again", name)
	case have.Owner != p.ID:
		return fmt.Errorf("the topic rule %q does not belong to this pipeline and was left alone", name)
	case have.Spec.Disabled != on:
		tell(fmt.Sprintf("rule %s is %s already", key, state(on)))
		return nil
	}
	if on {
		_, err = c.IoT().EnableTopicRule(ctx, &iot.EnableTopicRuleInput{RuleName: &name})
	} else {
		_, err = c.IoT().DisableTopicRule(ctx, &iot.DisableTopicRuleInput{RuleName: &name})
	}
	if err == nil {
		tell(fmt.Sprintf("rule %s is %s", key, state(on)))
	}
	return err
}

func state(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// maxCommand is the largest message in bytes [AWS IoT message size].
const maxCommand = 128 << 10

// Command is a message for devices. It names devices, or selects them by Filter; All says that an empty filter is
// meant.
type Command struct {
	Payload string
	Devices []string
	Filter  deployed.Filter
	All     bool
	DryRun  bool // only say which devices would get it
}

// Check reports what is wrong with a command before anything is sent.
func (c Command) Check() error {
	filtered := c.Filter.Status != "" || len(c.Filter.Attributes) > 0
	switch {
	case c.Payload == "":
		return errors.New("the command has no payload")
	case len(c.Payload) > maxCommand:
		return fmt.Errorf("the payload has %d bytes, and AWS IoT takes %d", len(c.Payload), maxCommand)
	case len(c.Devices) > 0 && (filtered || c.All):
		return errors.New("the command names devices and selects others as well: do one of both")
	case c.All && filtered:
		return errors.New("the command is for all devices and for selected ones: do one of both")
	case len(c.Devices) == 0 && !filtered && !c.All:
		return errors.New("the command is for no device: name devices, select them by status or attributes, or say " +
			"that it is for all")
	case c.Filter.Status != "" && !slices.Contains(deployed.Statuses, c.Filter.Status):
		return fmt.Errorf("there is no status %q; the statuses are %s", c.Filter.Status,
			strings.Join(deployed.Statuses, ", "))
	}
	return nil
}

// sending is how many messages are on their way at the same time.
const sending = 16

// Send publishes a command to devices, with QoS 1: a device that is connected gets it, one with a persistent session
// when it returns, and any of them perhaps twice. A device that is named and does not exist stops it before the first
// message. It returns how many were sent.
func Send(ctx context.Context, p *deployed.Pipeline, command Command, tell Progress) (int, error) {
	if err := command.Check(); err != nil {
		return 0, err
	}
	devices, err := recipients(ctx, p, command)
	if err != nil {
		return 0, fmt.Errorf("%w. Nothing was sent", err)
	}
	if command.DryRun {
		tell(fmt.Sprintf("would send to %d devices: %s", len(devices), first(devices)))
		return 0, nil
	}
	send, err := publisher(ctx, p)
	if err != nil {
		return 0, err
	}
	tell(fmt.Sprintf("sending to %d devices: %s", len(devices), first(devices)))
	tally := make(chan struct{}, len(devices))
	err = bulk.NewPool(p.Clients(), sending, nil).Each(ctx, "commands sent", devices,
		func(ctx context.Context, device string) error {
			err := send(ctx, contract.CommandTopic(p.TopicPrefix, device, p.HasGateways()), command.Payload)
			if err == nil {
				tally <- struct{}{}
			}
			return err
		})
	tell(fmt.Sprintf("sent to %d of %d devices", len(tally), len(devices)))
	return len(tally), err
}

// first names the first devices of a list.
func first(devices []string) string {
	const shown = 5
	if len(devices) > shown {
		return strings.Join(devices[:shown], ", ") + ", …"
	}
	return strings.Join(devices, ", ")
}

// recipients are the names of the devices that a command is for, in order.
func recipients(ctx context.Context, p *deployed.Pipeline, command Command) ([]string, error) {
	devices := slices.Clone(command.Devices)
	for _, device := range devices {
		if err := p.CheckRecipient(ctx, device); err != nil {
			return nil, err
		}
	}
	if len(devices) == 0 {
		for d, err := range p.Devices(ctx, command.Filter) {
			if err != nil {
				return nil, err
			}
			devices = append(devices, d.Name)
		}
	}
	slices.Sort(devices)
	return slices.Compact(devices), nil
}

// publish sends one message.
type publish func(ctx context.Context, topic, payload string) error

// publisher returns what publishes a message through the account's own endpoint.
func publisher(ctx context.Context, p *deployed.Pipeline) (publish, error) {
	data := awsapi.IoTDataClient(p.Clients())
	endpoint := data.Options().BaseEndpoint // of the configuration
	if endpoint == nil {
		host, err := p.Clients().MQTTEndpoint(ctx)
		if err != nil {
			return nil, err
		}
		endpoint = aws.String("https://" + host)
	}
	return func(ctx context.Context, topic, payload string) error {
		_, err := data.Publish(ctx, &iotdataplane.PublishInput{Topic: &topic, Payload: []byte(payload), Qos: 1},
			func(o *iotdataplane.Options) { o.BaseEndpoint = endpoint })
		return err
	}, nil
}
