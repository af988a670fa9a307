package rules

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
)

// external implements the external functions of SQL. [IoT-SQL 14.6]
type external struct {
	clients *awsapi.Clients
	call    func(ctx context.Context, functionARN string, payload []byte) ([]byte, error)
}

var _ iotsql.External = (*external)(nil)

// errUnsupported is the failure of the two functions whose services iot-local does not have.
var errUnsupported = errors.New("iot-local does not support this function; AWS does")

// Lambda runs a hosted function.
func (e *external) Lambda(ctx context.Context, functionARN string, in json.RawMessage) (json.RawMessage, error) {
	if e.call == nil {
		return nil, errUnsupported
	}
	return e.call(ctx, functionARN, in)
}

// DynamoDB gets one item as a plain JSON object.
func (e *external) DynamoDB(ctx context.Context, k iotsql.ItemKey, _ string) (json.RawMessage, error) {
	key := map[string]ddbtypes.AttributeValue{}
	for name, value := range map[string]json.RawMessage{k.PartitionName: k.PartitionValue, k.SortName: k.SortValue} {
		if name == "" {
			continue
		}
		var v any
		d := json.NewDecoder(bytes.NewReader(value))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("reading the key %q: %w", name, err)
		}
		key[name] = attribute(v)
	}
	out, err := e.clients.DynamoDB().GetItem(ctx, &dynamodb.GetItemInput{TableName: &k.Table, Key: key})
	if err != nil {
		return nil, err
	}
	if out.Item == nil {
		return nil, fmt.Errorf("table %q has no such item", k.Table)
	}
	return json.Marshal(plain(&ddbtypes.AttributeValueMemberM{Value: out.Item}))
}

// plain is the JSON value of a DynamoDB value; binary and sets become text and lists.
func plain(v ddbtypes.AttributeValue) any {
	switch v := v.(type) {
	case *ddbtypes.AttributeValueMemberS:
		return v.Value
	case *ddbtypes.AttributeValueMemberN:
		return json.Number(v.Value)
	case *ddbtypes.AttributeValueMemberBOOL:
		return v.Value
	case *ddbtypes.AttributeValueMemberB:
		return v.Value // which marshals as base64
	case *ddbtypes.AttributeValueMemberSS:
		return v.Value
	case *ddbtypes.AttributeValueMemberNS:
		numbers := make([]json.Number, len(v.Value))
		for i, n := range v.Value {
			numbers[i] = json.Number(n)
		}
		return numbers
	case *ddbtypes.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i, e := range v.Value {
			list[i] = plain(e)
		}
		return list
	case *ddbtypes.AttributeValueMemberM:
		m := make(map[string]any, len(v.Value))
		for k, e := range v.Value {
			m[k] = plain(e)
		}
		return m
	}
	return nil
}

// RegistryData answers as the two registry operations do.
func (e *external) RegistryData(ctx context.Context, api, thing, _ string) (json.RawMessage, error) {
	switch api {
	case "DescribeThing":
		out, err := e.clients.IoT().DescribeThing(ctx, &iot.DescribeThingInput{ThingName: &thing})
		if err != nil {
			return nil, err
		}
		return json.Marshal(map[string]any{
			"thingName":        out.ThingName,
			"thingId":          out.ThingId,
			"thingArn":         out.ThingArn,
			"thingTypeName":    out.ThingTypeName,
			"attributes":       out.Attributes,
			"defaultClientId":  out.DefaultClientId,
			"version":          out.Version,
			"billingGroupName": out.BillingGroupName,
		})
	case "ListThingGroupsForThing":
		out, err := e.clients.IoT().ListThingGroupsForThing(ctx, &iot.ListThingGroupsForThingInput{ThingName: &thing})
		if err != nil {
			return nil, err
		}
		groups := make([]map[string]any, len(out.ThingGroups))
		for i, g := range out.ThingGroups {
			groups[i] = map[string]any{"groupName": g.GroupName, "groupArn": g.GroupArn}
		}
		return json.Marshal(map[string]any{"thingGroups": groups})
	}
	return nil, fmt.Errorf("registry operation %q is neither DescribeThing nor ListThingGroupsForThing", api)
}

// Secret returns the current value of a secret.
func (e *external) Secret(ctx context.Context, id, kind, _ string) (string, error) {
	out, err := e.clients.SecretsManager().GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return "", err
	}
	if kind == "SecretBinary" {
		text, err := json.Marshal(out.SecretBinary)
		return string(bytes.Trim(text, `"`)), err
	}
	return aws.ToString(out.SecretString), nil
}

// ThingShadow returns a shadow's document.
func (e *external) ThingShadow(ctx context.Context, thing, shadow, _ string) (json.RawMessage, error) {
	in := &iotdataplane.GetThingShadowInput{ThingName: &thing}
	if shadow != "" {
		in.ShadowName = &shadow
	}
	out, err := awsapi.IoTDataClient(e.clients).GetThingShadow(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.Payload, nil
}

// Predict needs Amazon Machine Learning.
func (e *external) Predict(context.Context, string, string, json.RawMessage) (json.RawMessage, error) {
	return nil, errUnsupported
}

// DecodeProtobuf needs the descriptors that AWS IoT reads from S3.
func (e *external) DecodeProtobuf(context.Context, []byte, iotsql.ProtobufType) (json.RawMessage, error) {
	return nil, errUnsupported
}
