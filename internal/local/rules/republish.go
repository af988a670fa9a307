package rules

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

type republishAction struct {
	topic   text
	qos     byte
	headers *republishHeaders // may be nil
	publish func(message.Message) error
}

type republishHeaders struct {
	format, contentType, responseTopic, correlation, expiry text
	user                                                    []headerText
}

// headerText is a header's name and value.
type headerText struct{ key, value text }

func (p *preparer) republish(a *types.RepublishAction) perform {
	r := &republishAction{
		topic:   p.text(a.Topic),
		qos:     byte(aws.ToInt32(a.Qos)),
		publish: p.engine.options.Publish,
	}
	if h := a.Headers; h != nil {
		r.headers = &republishHeaders{
			format:        p.text(h.PayloadFormatIndicator),
			contentType:   p.text(h.ContentType),
			responseTopic: p.text(h.ResponseTopic),
			correlation:   p.text(h.CorrelationData),
			expiry:        p.text(h.MessageExpiry),
		}
		for _, u := range h.UserProperties {
			r.headers.user = append(r.headers.user, headerText{p.text(u.Key), p.text(u.Value)})
		}
	}
	return r.perform
}

func (a *republishAction) perform(ctx context.Context, in *input) (string, error) {
	name, err := a.topic.of(ctx, in)
	if err != nil {
		return a.topic.fixed, err
	}
	if rest, ok := strings.CutPrefix(name, "$$"); ok {
		name = "$" + rest // [AWS 2.1] how a rule names a reserved topic
	}
	if err := topic.ValidateName(name); err != nil {
		return name, err
	}
	m := message.New(name, in.payload)
	m.QoS, m.TraceID = a.qos, in.execution.message.TraceID
	if a.headers != nil {
		if m.MQTT5, err = a.headers.of(ctx, in); err != nil {
			return name, err
		}
	}
	return name, a.publish(m)
}

func (h *republishHeaders) of(ctx context.Context, in *input) (*message.Properties, error) {
	v, err := texts(ctx, in, h.format, h.contentType, h.responseTopic, h.correlation, h.expiry)
	if err != nil {
		return nil, err
	}
	p := &message.Properties{UTF8: v[0] == "UTF8_DATA", ContentType: v[1], ResponseTopic: v[2]}
	if p.CorrelationData, err = base64.StdEncoding.DecodeString(v[3]); err != nil {
		return nil, fmt.Errorf("the header correlationData is not base64: %w", err)
	}
	if v[4] != "" {
		seconds, err := strconv.ParseUint(v[4], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("the header messageExpiry is not a number of seconds: %w", err)
		}
		p.ExpirySeconds = uint32(seconds)
	}
	for _, u := range h.user {
		kv, err := texts(ctx, in, u.key, u.value)
		if err != nil {
			return nil, err
		}
		p.User = append(p.User, message.UserProperty{Key: kv[0], Value: kv[1]})
	}
	return p, nil
}
