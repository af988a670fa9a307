// Package message defines the input of a rule: one published message, how it arrived, and the services behind the
// external SQL functions. It does not know SQL; the functions and the evaluator read it.
package message

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Message is one published message. The zero value of a field means unknown; the evaluator never changes a Message.
type Message struct {
	Topic    string // as published, Basic Ingest prefix included
	Payload  []byte // as published
	ClientID string // MQTT client id; empty when not sent over MQTT
	// certificate thumbprint, role id and session, or user id [IoT-SQL 14.5 principal]
	Principal string
	SourceIP  string                     // IPv4 or IPv6
	AccountID string                     // twelve digits
	TraceID   string                     // UUID; empty when not sent over MQTT
	Time      time.Time                  // when the rules engine saw the message; zero means now
	MQTT5     *Properties                // nil for MQTT 3.1.1
	Bindings  map[string]json.RawMessage // extra root names, which hide payload fields of the same name
	External  External                   // nil: external functions fail
}

// Properties are the MQTT 5 properties of a message. SQL can read all but ExpirySeconds. [IoT-SQL 14.5]
type Properties struct {
	UTF8            bool // payload format indicator
	ContentType     string
	ResponseTopic   string
	CorrelationData []byte
	ExpirySeconds   uint32         // 0: the message does not expire
	User            []UserProperty // in the order of arrival
}

// UserProperty is one MQTT 5 user property; keys may repeat.
type UserProperty struct{ Key, Value string }

// ErrNoExternal is the failure of an external function if the message has no External.
var ErrNoExternal = errors.New("external functions are not available here")

// External calls the services behind the functions of [IoT-SQL 14.6]. Every document is JSON. An error fails the
// evaluation, unless get_or_default catches it. Implementations must be safe for concurrent use.
type External interface {
	// Lambda invokes a function with a JSON input and returns its JSON answer.
	Lambda(ctx context.Context, functionARN string, input json.RawMessage) (json.RawMessage, error)
	// DynamoDB gets one item as a JSON object.
	DynamoDB(ctx context.Context, key ItemKey, roleARN string) (json.RawMessage, error)
	// RegistryData responds like the registry operation api: "DescribeThing" or "ListThingGroupsForThing".
	RegistryData(ctx context.Context, api, thing, roleARN string) (json.RawMessage, error)
	// Secret returns the current value: kind is "SecretString" (text) or "SecretBinary" (base64 text).
	Secret(ctx context.Context, secretID, kind, roleARN string) (string, error)
	// ThingShadow returns a shadow document; an empty shadow is the classic one.
	ThingShadow(ctx context.Context, thing, shadow, roleARN string) (json.RawMessage, error)
	// Predict asks a machine-learning model about one flat record.
	Predict(ctx context.Context, modelID, roleARN string, record json.RawMessage) (json.RawMessage, error)
	// DecodeProtobuf turns raw into a JSON object with the descriptor stored in S3.
	DecodeProtobuf(ctx context.Context, raw []byte, descriptor ProtobufType) (json.RawMessage, error)
}

// ItemKey names one DynamoDB item; SortName is empty for a table without sort key. Values are JSON scalars.
type ItemKey struct {
	Table, PartitionName, SortName string
	PartitionValue, SortValue      json.RawMessage
}

// ProtobufType names a message type in a FileDescriptorSet stored in S3. [IoT-SQL 13]
type ProtobufType struct{ Bucket, Key, File, MessageType string }
