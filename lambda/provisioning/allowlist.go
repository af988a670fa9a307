package provisioning

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// tableAPI is the part of the DynamoDB client that the hook uses.
type tableAPI interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput,
		...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// allowList is the table of serials that can register.
type allowList struct {
	client tableAPI
	table  string
}

// entry is what the list says about a serial.
type entry struct {
	parameters map[string]string // values that operators want, by name
	usedBy     string            // the ID of the certificate that has used the serial up; empty: none
}

// find reads a serial's entry. It refuses if there is none or if the entry violates the contract.
func (l *allowList) find(ctx context.Context, serial string) (entry, *refusal) {
	out, err := l.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(l.table), Key: serialKey(serial), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return entry{}, failed(ctx, err, fmt.Sprintf("reading serial %q of table %q", serial, l.table))
	}
	if len(out.Item) == 0 {
		return entry{}, refuse(notListed, "the serial is not in table %q", l.table)
	}
	return parseEntry(out.Item)
}

func serialKey(serial string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{contract.SerialKey: text(serial)}
}

func text(value string) types.AttributeValue { return &types.AttributeValueMemberS{Value: value} }

func parseEntry(item map[string]types.AttributeValue) (entry, *refusal) {
	var e entry
	if id, ok := item["certificate_id"]; ok {
		s, ok := id.(*types.AttributeValueMemberS)
		if !ok || s.Value == "" {
			return e, refuse(invalidItem,
				"certificate_id is neither a certificate's ID nor absent; to free a serial, remove the attribute")
		}
		e.usedBy = s.Value
	}
	given, ok := item["parameters"]
	if !ok {
		return e, nil
	}
	m, ok := given.(*types.AttributeValueMemberM)
	if !ok {
		return e, refuse(invalidItem, "parameters is not a map")
	}
	e.parameters = make(map[string]string, len(m.Value))
	for _, name := range slices.Sorted(maps.Keys(m.Value)) {
		s, ok := m.Value[name].(*types.AttributeValueMemberS)
		if !ok {
			return e, refuse(invalidItem, "parameter %s is not a string", shown(name, maxShown))
		}
		e.parameters[name] = s.Value
	}
	return e, nil
}

// use marks the serial as used by the certificate, in one conditional write: of any number of concurrent requests, one
// succeeds. A repeated request with the same certificate succeeds again, because the first response may have been lost
// on the way to the device.
func (l *allowList) use(ctx context.Context, r *registration, now time.Time) *refusal {
	_, err := l.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(l.table),
		Key:       serialKey(r.serial),
		UpdateExpression: aws.String(
			"SET certificate_id = :id, thing = :thing, client_id = :client, registered_at = :now",
		),
		ConditionExpression: aws.String(
			"attribute_exists(serial) AND (attribute_not_exists(certificate_id) OR certificate_id = :id)",
		),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":id": text(r.certificateID), ":thing": text(r.thing), ":client": text(r.clientID),
			":now": &types.AttributeValueMemberN{Value: strconv.FormatInt(now.UnixMilli(), 10)},
		},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if err == nil {
		return nil
	}
	var held *types.ConditionalCheckFailedException
	switch {
	case !errors.As(err, &held):
		return failed(ctx, err, fmt.Sprintf("using up serial %q of table %q", r.serial, l.table))
	case len(held.Item) == 0:
		return refuse(notListed, "the serial was taken from table %q during the request", l.table)
	}
	e, why := parseEntry(held.Item)
	if why != nil {
		return why
	}
	return usedBy(e.usedBy)
}

// usedBy returns the refusal for a serial that another certificate has used.
func usedBy(id string) *refusal {
	return refuse(serialUsed, "the serial was used by certificate %s", shown(id, maxShown))
}
