package rules

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

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

// republishTopic resolves the $$ with which a rule names a reserved topic [AWS 2.1]. Only the rule can write it: a
// value that begins with $$ is not a reserved topic's name.
func republishTopic(template string) string {
	if strings.HasPrefix(template, "$$") && !strings.HasPrefix(template, "$${") {
		return template[1:]
	}
	return template
}

func (p *preparer) republish(a *types.RepublishAction) perform {
	r := &republishAction{
		topic:   p.text(aws.String(republishTopic(aws.ToString(a.Topic)))),
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
	// AWS inserts raw text: a slash in a value makes another level, a wildcard makes the topic invalid.
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
	if v[2] != "" {
		if err := topic.ValidateName(v[2]); err != nil {
			return nil, fmt.Errorf("the header responseTopic: %w", err)
		}
	}
	if err := checkText("contentType", v[1]); err != nil {
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
		if err := errors.Join(checkText("userProperties", kv[0]), checkText("userProperties", kv[1])); err != nil {
			return nil, err
		}
		p.User = append(p.User, message.UserProperty{Key: kv[0], Value: kv[1]})
	}
	return p, nil
}

// checkText refuses text that MQTT cannot carry: subscribers would drop the connection. [MQTT 5 1.5.4]
func checkText(header, text string) error {
	if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
		return fmt.Errorf("the header %s has the value %q, which is not text", header, text)
	}
	return nil
}
