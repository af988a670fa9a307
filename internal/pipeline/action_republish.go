package pipeline

import (
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// RepublishQoS limits qos [AWS 2.1 Republish].
var RepublishQoS = Limit{Min: 0, Max: 1, Default: value(0), Source: "AWS IoT"}

// RepublishRoute publishes to another topic.
type RepublishRoute struct {
	Topic   string            `json:"topic"` // template
	QoS     *int64            `json:"qos,omitzero"`
	Headers *RepublishHeaders `json:"headers,omitzero"`
}

// RepublishHeaders are the MQTT 5 properties of a republished message. All are templates.
type RepublishHeaders struct {
	PayloadFormatIndicator *string           `json:"payload_format_indicator,omitzero"`
	ContentType            *string           `json:"content_type,omitzero"`
	ResponseTopic          *string           `json:"response_topic,omitzero"`
	CorrelationData        *string           `json:"correlation_data,omitzero"`
	MessageExpiry          *string           `json:"message_expiry,omitzero"`
	UserProperties         map[string]string `json:"user_properties,omitzero"`
}

func (a *RepublishRoute) desired(role string) spec.Action {
	action := &spec.RepublishAction{RoleARN: role, Topic: a.Topic, QoS: int32(*RepublishQoS.Or(a.QoS))}
	if h := a.Headers; h != nil {
		action.Headers = &spec.RepublishHeaders{
			PayloadFormatIndicator: deref(h.PayloadFormatIndicator), ContentType: deref(h.ContentType),
			ResponseTopic: deref(h.ResponseTopic), CorrelationData: deref(h.CorrelationData),
			MessageExpiry: deref(h.MessageExpiry), UserProperties: headers(h.UserProperties),
		}
	}
	return spec.Action{Republish: action}
}

// headers lists a map's entries in the order of their keys.
func headers(m map[string]string) []spec.Header {
	var list []spec.Header
	for _, key := range sortedKeys(m) {
		list = append(list, spec.Header{Key: key, Value: m[key]})
	}
	return list
}

func (a *RepublishRoute) grants(n arns) []statement {
	return []statement{allow([]string{"iot:Publish"}, n.iotTopic(wild(unescapeTopic(a.Topic))))}
}

func (a *RepublishRoute) check(c *actionChecker) {
	a.checkTopic(c)
	c.number(c.arg("qos"), a.QoS, RepublishQoS)
	if h := a.Headers; h != nil {
		c.template("headers.payload_format_indicator", h.PayloadFormatIndicator)
		c.template("headers.content_type", h.ContentType)
		c.template("headers.response_topic", h.ResponseTopic)
		c.template("headers.correlation_data", h.CorrelationData)
		c.template("headers.message_expiry", h.MessageExpiry)
		c.templates("headers.user_properties", h.UserProperties)
	}
}

// checkTopic checks that the topic can be published to and does not trigger the rule again.
func (a *RepublishRoute) checkTopic(c *actionChecker) {
	path, to := c.arg("topic"), unescapeTopic(a.Topic)
	c.template("topic", &to)
	switch {
	case !c.known(path):
	case to == "":
		c.fail(path, "The topic is empty",
			"Write the topic to publish to; templates such as ${topic()} are allowed.")
	case strings.HasPrefix(a.Topic, "$") && !strings.HasPrefix(a.Topic, "$$") && !strings.HasPrefix(a.Topic, "${"):
		c.fail(path, "A reserved topic starts with two dollar signs", "%s starts with one $, which a republish action "+
			"reads as the start of a template. Write $%s.", excerpt(a.Topic), a.Topic)
	case strings.Contains(to, "${"):
	case topic.ValidateName(to) != nil:
		c.fail(path, "The topic is not valid", "%s.", topic.ValidateName(to))
	case c.query != nil && c.query.Topic() != "" && topic.Match(c.query.Topic(), to):
		c.fail(path, "The rule would trigger itself in an endless loop",
			"It listens to %s, which matches %s, the topic it publishes to. Publish to another topic.",
			excerpt(c.query.Topic()), excerpt(to))
	}
}

// unescapeTopic gives the topic of a republish action, in which a reserved topic is written with a second dollar sign
// [AWS 2.1].
func unescapeTopic(topic string) string {
	if rest, ok := strings.CutPrefix(topic, "$$"); ok {
		return "$" + rest
	}
	return topic
}
