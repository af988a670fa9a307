package funcs

import (
	"encoding/base64"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql/value"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

const sectionContext = "14.5"

var contextFuncs = []*Func{
	{
		Name: "topic", Section: sectionContext, Signature: "topic([n])", Max: 1, Result: Text,
		Doc: "The topic of the message, or its n-th level, counted from 1; Undefined where there is no such level. " +
			"The prefix of a Basic Ingest topic does not count. A level is always a String.",
		Examples: []Example{
			{SQL: "topic()", Want: `"things/myThings/thingOne"`},
			{SQL: "topic(1)", Want: `"things"`},
			{SQL: "topic(9)", Want: "Undefined"},
		},
		Call: func(e *Env, args []value.Value) value.Value {
			if len(args) == 0 {
				return value.OfString(e.Topic)
			}
			n, ok := e.Version.ToFloor(args[0])
			if !ok {
				return value.Value{}
			}
			level, ok := topic.Level(e.Topic, int(min(n.Int64(), topic.MaxBytes*2)))
			if !ok {
				return value.Value{}
			}
			return value.OfString(level)
		},
	},
	{
		Name: "clientid", Section: sectionContext, Signature: "clientid()", Result: Text,
		Doc:      "The MQTT client id of the sender; n/a for a message that was not sent over MQTT.",
		Examples: []Example{{SQL: "clientid()", Want: `"n/a"`}},
		Call: func(e *Env, _ []value.Value) value.Value {
			if e.Message.ClientID == "" {
				return value.OfString("n/a")
			}
			return value.OfString(e.Message.ClientID)
		},
	},
	{
		Name: "accountid", Section: sectionContext, Signature: "accountid()", Result: Text,
		Doc:      "The AWS account that owns the rule.",
		Examples: []Example{{SQL: "accountid()", Want: `"123456789012"`}},
		Call:     known(func(m *message.Message) string { return m.AccountID }),
	},
	{
		Name: "principal", Section: sectionContext, Signature: "principal()", Result: Text,
		Doc: "Who sent the message: the thumbprint of the X.509 certificate, the role's id and session name, or the " +
			"user's id.",
		Examples: []Example{{
			SQL:  "principal()",
			Want: `"ba67293af50bf2506f5f93469686da660c7c844e7b3950bfb16813e0d31e9373"`,
		}},
		Call: known(func(m *message.Message) string { return m.Principal }),
	},
	{
		Name: "traceid", Section: sectionContext, Signature: "traceid()", Result: Text,
		Doc:      "The UUID of the MQTT message; Undefined for a message that was not sent over MQTT.",
		Examples: []Example{{SQL: "traceid()", Want: `"12345678-1234-1234-1234-123456789012"`}},
		Call:     known(func(m *message.Message) string { return m.TraceID }),
	},
	{
		Name: "sourceip", Section: sectionContext, Signature: "sourceip()", V2: true, Result: Text,
		Doc:      "The IPv4 or IPv6 address of the device or its router.",
		Examples: []Example{{SQL: "sourceip()", Want: `"192.158.1.38"`}},
		Call:     known(func(m *message.Message) string { return m.SourceIP }),
	},
	{
		Name: "sql_version", Section: sectionContext, Signature: "sql_version()", Result: Text,
		Doc:      "The SQL version of the rule.",
		Examples: []Example{{SQL: "sql_version()", Want: `"2016-03-23"`}},
		Call:     func(e *Env, _ []value.Value) value.Value { return value.OfString(e.SQL) },
	},
	{
		Name: "get_mqtt_property", Section: sectionContext, Signature: "get_mqtt_property(name)", Min: 1, Max: 1,
		Result: Text,
		Doc: "An MQTT 5 property: format_indicator (UTF8_DATA or UNSPECIFIED_BYTES), content_type, response_topic, " +
			"or correlation_data as base64 text. Undefined where the message has no such property.",
		Examples: []Example{
			{SQL: "get_mqtt_property('format_indicator')", Want: `"UTF8_DATA"`},
			{SQL: "get_mqtt_property('content_type')", Want: `"application/json"`},
		},
		Call: mqttProperty,
	},
	{
		Name: "get_user_properties", Section: sectionContext, Signature: "get_user_properties([key])", Max: 1,
		Result: List,
		Doc: "The MQTT 5 user properties in order: all values of a key, or, without a key, one Object for each " +
			"property. Undefined for a key that no property has.",
		Examples: []Example{
			{SQL: "get_user_properties('some key')", Want: `["some value","value with duplicate key"]`},
			{
				SQL:  "get_user_properties()",
				Want: `[{"some key":"some value"},{"other key":"a different value"},{"some key":"value with duplicate key"}]`,
			},
			{SQL: "get_user_properties('no such key')", Want: "Undefined"},
		},
		Call: userProperties,
	},
}

// known creates a function that returns a fact about the message, or Undefined if the fact is unknown.
func known(fact func(*message.Message) string) Impl {
	return func(e *Env, _ []value.Value) value.Value {
		if s := fact(e.Message); s != "" {
			return value.OfString(s)
		}
		return value.Value{}
	}
}

func mqttProperty(e *Env, args []value.Value) value.Value {
	p := e.Message.MQTT5
	if p == nil {
		p = &message.Properties{}
	}
	s := ""
	switch args[0].Text() {
	case "format_indicator":
		s = "UNSPECIFIED_BYTES"
		if p.UTF8 {
			s = "UTF8_DATA"
		}
	case "content_type":
		s = p.ContentType
	case "response_topic":
		s = p.ResponseTopic
	case "correlation_data":
		s = base64.StdEncoding.EncodeToString(p.CorrelationData)
	}
	if s == "" {
		return value.Value{}
	}
	return value.OfString(s)
}

func userProperties(e *Env, args []value.Value) value.Value {
	var all []message.UserProperty
	if e.Message.MQTT5 != nil {
		all = e.Message.MQTT5.User
	}
	items := []value.Value{}
	if len(args) == 0 {
		for _, p := range all {
			m := &value.Members{}
			m.Set(p.Key, value.OfString(p.Value))
			items = append(items, value.OfObject(m))
		}
		return value.OfArray(items)
	}
	for _, p := range all {
		if args[0].Kind() == value.String && p.Key == args[0].Text() {
			items = append(items, value.OfString(p.Value))
		}
	}
	if len(items) == 0 {
		return value.Value{}
	}
	return value.OfArray(items)
}
