package pipeline

import (
	"fmt"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// KafkaRoute produces one record per message to a Kafka cluster in a VPC.
type KafkaRoute struct {
	DestinationARN   string            `json:"destination_arn"` // of a VPC destination
	Topic            string            `json:"topic"`           // template
	Key              *string           `json:"key,omitzero"`    // template
	Partition        *string           `json:"partition,omitzero"`
	Header           []KafkaHeader     `json:"header,omitzero"`
	ClientProperties map[string]string `json:"client_properties"`
}

// KafkaHeader is a header of the record; both are templates.
type KafkaHeader struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// kafkaProperties are the client properties without which no connection is possible [IoT-SQL 17 kafka].
var kafkaProperties = []string{"bootstrap.servers", "security.protocol"}

func (a *KafkaRoute) desired(string) spec.Action {
	action := &spec.KafkaAction{DestinationARN: a.DestinationARN, Topic: a.Topic, Key: deref(a.Key),
		Partition: deref(a.Partition), ClientProperties: a.ClientProperties}
	for _, h := range a.Header {
		action.Headers = append(action.Headers, spec.Header(h))
	}
	return spec.Action{Kafka: action}
}

// The cluster authenticates with the client properties, and get_secret in them names its own role.
func (a *KafkaRoute) grants(arns) []statement { return nil }

func (a *KafkaRoute) check(c *actionChecker) {
	c.arn(c.arg("destination_arn"), a.DestinationARN, "iot", "ruledestination/vpc/", false)
	c.template("topic", &a.Topic)
	c.template("key", a.Key)
	c.template("partition", a.Partition)
	c.templates("client_properties", a.ClientProperties)
	path := c.arg("client_properties")
	for _, name := range kafkaProperties {
		if _, found := a.ClientProperties[name]; !found && c.known(path) {
			c.fail(path, fmt.Sprintf("Client property %s is missing", name),
				"The Kafka action needs bootstrap.servers and security.protocol (SSL or SASL_SSL).")
		}
	}
	for i, h := range a.Header {
		c.templateAt(item(c.arg("header"), i)+".key", h.Key)
		c.templateAt(item(c.arg("header"), i)+".value", h.Value)
	}
}
