// Package dynamoitem is the driver of single DynamoDB items that a pipeline keeps
// in a table. It must not know what a document says.
package dynamoitem

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// ownerAttribute is an item's attribute with the owner token.
const ownerAttribute = "iot-pipeline"

// Driver reads and writes items. Ref.Name is "table|value"; Ref.ID is "table|hash key|value", which needs no look at
// the table.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// place is where an item is.
type place struct{ table, hashKey, key string }

func (p place) id() assembly.Identity {
	return assembly.Identity{ID: spec.NameIn(p.table, p.hashKey, p.key)}
}

func (p place) attributes() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{p.hashKey: &types.AttributeValueMemberS{Value: p.key}}
}

// Observe reads an item with one call, and one more before anything is recorded, to learn the table's key. An absent
// table means an absent item.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.TableItem], error) {
	p, err := d.place(ctx, ref)
	if err != nil || p == nil {
		return nil, err
	}
	out, err := d.c.DynamoDB().
		GetItem(ctx, &dynamodb.GetItemInput{TableName: &p.table, Key: p.attributes(), ConsistentRead: aws.Bool(true)})
	if absent(err) {
		return nil, nil
	}
	if err != nil || len(out.Item) == 0 {
		return nil, err
	}
	return &assembly.Observed[spec.TableItem]{
		Identity: p.id(),
		Owner:    text(out.Item[ownerAttribute]),
		Spec: spec.TableItem{
			Table:    p.table,
			HashKey:  p.hashKey,
			Key:      p.key,
			Document: text(out.Item[contract.DocumentAttribute]),
		},
	}, nil
}

// place gives nil when the table does not exist.
func (d *Driver) place(ctx context.Context, ref assembly.Ref) (*place, error) {
	if ref.ID != "" {
		parts, err := spec.SplitName(ref.ID, 3)
		if err != nil {
			return nil, err
		}
		return &place{parts[0], parts[1], parts[2]}, nil
	}
	parts, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return nil, err
	}
	out, err := d.c.DynamoDB().DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &parts[0]})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, k := range out.Table.KeySchema {
		if k.KeyType == types.KeyTypeHash {
			return &place{parts[0], aws.ToString(k.AttributeName), parts[1]}, nil
		}
	}
	return nil, nil
}

// Create writes the item unless another one is there that is not ours.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.TableItem) (assembly.Identity, error) {
	p := place{want.Table, want.HashKey, want.Key}
	item := p.attributes()
	item[ownerAttribute] = &types.AttributeValueMemberS{Value: ref.Owner}
	item[contract.DocumentAttribute] = &types.AttributeValueMemberS{Value: want.Document}
	_, err := d.c.DynamoDB().PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &p.table, Item: item,
		ConditionExpression:       aws.String("attribute_not_exists(#key) OR #owner = :owner"),
		ExpressionAttributeNames:  map[string]string{"#key": p.hashKey, "#owner": ownerAttribute},
		ExpressionAttributeValues: owner(ref),
		// Puts the present item in the error [AWS 7.1].
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var foreign *types.ConditionalCheckFailedException
	if errors.As(err, &foreign) {
		return assembly.Identity{}, &assembly.ForeignError{Owner: text(foreign.Item[ownerAttribute])}
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return p.id(), nil
}

// Update writes the item as a whole.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	_ *assembly.Observed[spec.TableItem],
	want spec.TableItem,
	_ []assembly.Change,
) (assembly.Identity, error) {
	return d.Create(ctx, ref, want)
}

// Delete removes the item if it is ours; an item of somebody else under the same key stays.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	p, err := d.place(ctx, ref)
	if err != nil || p == nil {
		return err
	}
	_, err = d.c.DynamoDB().DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &p.table, Key: p.attributes(),
		ConditionExpression:       aws.String("#owner = :owner"),
		ExpressionAttributeNames:  map[string]string{"#owner": ownerAttribute},
		ExpressionAttributeValues: owner(ref),
	})
	if absent(err) || awsapi.Is(err, "ConditionalCheckFailedException") {
		return nil
	}
	return err
}

// ChecksOwnerOnDelete implements [assembly.OwnerChecker].
func (*Driver) ChecksOwnerOnDelete() {}

// Container implements [assembly.Contained]: an item goes with its table.
func (*Driver) Container(ref assembly.Ref) (kind, id string) {
	table, _, _ := strings.Cut(ref.Name, "|")
	return spec.KindTable, table
}

// absent says that the table does not exist, or is another one under the same name, with another key: ours is gone
// then, and the item with it.
func absent(err error) bool {
	return awsapi.IsNotFound(err) ||
		awsapi.Is(err, "ValidationException") && awsapi.MessageHas(err, "key element does not match the schema")
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff compares the document as text: only this driver writes it.
func (d *Driver) Diff(have, want spec.TableItem) []assembly.Change {
	var changes []assembly.Change
	if have.Table != want.Table || have.HashKey != want.HashKey || have.Key != want.Key {
		changes = append(changes, assembly.Change{Field: "key", Replace: true})
	}
	if have.Document != want.Document {
		changes = append(changes, assembly.Change{Field: contract.DocumentAttribute})
	}
	return changes
}

func owner(ref assembly.Ref) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{":owner": &types.AttributeValueMemberS{Value: ref.Owner}}
}

// text gives a string attribute, or empty.
func text(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}
