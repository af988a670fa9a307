package rules

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
)

type dynamoDBAction struct {
	engine             *Engine
	table              text
	hash, rangeKey     keyField
	payload, operation text
}

// keyField is a key attribute of the table.
type keyField struct{ field, kind, value text }

func (p *preparer) dynamoDB(a *types.DynamoDBAction) perform {
	key := func(field *string, kind types.DynamoKeyType, value *string) keyField {
		return keyField{p.text(field), p.text(aws.String(string(kind))), p.text(value)}
	}
	d := &dynamoDBAction{
		engine:    p.engine,
		table:     p.text(a.TableName),
		hash:      key(a.HashKeyField, a.HashKeyType, a.HashKeyValue),
		rangeKey:  key(a.RangeKeyField, a.RangeKeyType, a.RangeKeyValue),
		payload:   p.text(a.PayloadField),
		operation: p.text(a.Operation),
	}
	if d.payload.fixed == "" {
		d.payload.fixed = "payload"
	}
	return d.perform
}

func (k keyField) addTo(ctx context.Context, in *input, item map[string]ddbtypes.AttributeValue) error {
	v, err := texts(ctx, in, k.field, k.kind, k.value)
	if err != nil || v[0] == "" {
		return err
	}
	if v[1] == string(types.DynamoKeyTypeNumber) {
		item[v[0]] = &ddbtypes.AttributeValueMemberN{Value: v[2]}
	} else {
		item[v[0]] = &ddbtypes.AttributeValueMemberS{Value: v[2]}
	}
	return nil
}

func (a *dynamoDBAction) perform(ctx context.Context, in *input) (string, error) {
	v, err := texts(ctx, in, a.table, a.payload, a.operation)
	if err != nil {
		return a.table.fixed, err
	}
	table, field, operation := v[0], v[1], v[2]
	key := map[string]ddbtypes.AttributeValue{}
	for _, k := range []keyField{a.hash, a.rangeKey} {
		if err := k.addTo(ctx, in, key); err != nil {
			return table, err
		}
	}
	value, err := column(in)
	if err != nil {
		return table, err
	}
	return table, a.engine.persist(ctx, func() error { return a.write(ctx, operation, table, field, key, value) })
}

func (a *dynamoDBAction) write(
	ctx context.Context,
	operation, table, field string,
	key map[string]ddbtypes.AttributeValue,
	value ddbtypes.AttributeValue,
) (err error) {
	db := a.engine.options.Clients.DynamoDB()
	switch operation {
	case "", "INSERT":
		item := maps.Clone(key)
		if _, isKey := item[field]; !isKey {
			item[field] = value
		}
		_, err = db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: item})
	case "UPDATE":
		_, err = db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName:                 &table,
			Key:                       key,
			UpdateExpression:          aws.String("SET #p = :p"),
			ExpressionAttributeNames:  map[string]string{"#p": field},
			ExpressionAttributeValues: map[string]ddbtypes.AttributeValue{":p": value},
		})
	case "DELETE":
		_, err = db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &table, Key: key})
	default:
		err = fmt.Errorf("operation %q is not one of INSERT, UPDATE, DELETE", operation)
	}
	return err
}

// column is the whole result as one attribute: a map for JSON, binary for anything else.
func column(in *input) (ddbtypes.AttributeValue, error) {
	if !in.json {
		return &ddbtypes.AttributeValueMemberB{Value: in.payload}, nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(in.payload))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return attribute(v), nil
}

func (p *preparer) dynamoDBv2(a *types.DynamoDBv2Action) perform {
	var name text
	if a.PutItem != nil {
		name = p.text(a.PutItem.TableName)
	}
	e := p.engine
	return func(ctx context.Context, in *input) (string, error) {
		table, err := name.of(ctx, in)
		if err != nil {
			return name.fixed, err
		}
		fields, err := object(in)
		if err != nil {
			return table, err
		}
		item := make(map[string]ddbtypes.AttributeValue, len(fields))
		for name, v := range fields {
			item[name] = attribute(v)
		}
		return table, e.persist(ctx, func() error {
			put := &dynamodb.PutItemInput{TableName: &table, Item: item}
			_, err := e.options.Clients.DynamoDB().PutItem(ctx, put)
			return err
		})
	}
}

// attribute is the DynamoDB value of a decoded JSON value.
func attribute(v any) ddbtypes.AttributeValue {
	switch v := v.(type) {
	case string:
		return &ddbtypes.AttributeValueMemberS{Value: v}
	case json.Number:
		return &ddbtypes.AttributeValueMemberN{Value: v.String()}
	case bool:
		return &ddbtypes.AttributeValueMemberBOOL{Value: v}
	case []any:
		list := make([]ddbtypes.AttributeValue, len(v))
		for i, e := range v {
			list[i] = attribute(e)
		}
		return &ddbtypes.AttributeValueMemberL{Value: list}
	case map[string]any:
		m := make(map[string]ddbtypes.AttributeValue, len(v))
		for k, e := range v {
			m[k] = attribute(e)
		}
		return &ddbtypes.AttributeValueMemberM{Value: m}
	}
	return &ddbtypes.AttributeValueMemberNULL{Value: true}
}
