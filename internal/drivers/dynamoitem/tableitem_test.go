package dynamoitem

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	table = "greenhouse"
	key   = "$rules"
)

func makeTable(t *testing.T, db *awsapi.DynamoDB) {
	t.Helper()
	_, err := db.CreateTable(
		t.Context(),
		&dynamodb.CreateTableInput{TableName: aws.String(table), BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{
				{AttributeName: aws.String("device_id"), AttributeType: types.ScalarAttributeTypeS},
			},
			KeySchema: []types.KeySchemaElement{
				{AttributeName: aws.String("device_id"), KeyType: types.KeyTypeHash},
			}},
	)
	if err != nil {
		t.Fatal(err)
	}
}

func put(db *awsapi.DynamoDB, document, owner string) func(context.Context) error {
	return func(ctx context.Context) error {
		item := map[string]types.AttributeValue{
			"device_id": &types.AttributeValueMemberS{Value: key},
			"document":  &types.AttributeValueMemberS{Value: document},
		}
		if owner != "" {
			item["iot-pipeline"] = &types.AttributeValueMemberS{Value: owner}
		}
		_, err := db.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(table), Item: item})
		return err
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	makeTable(t, c.DynamoDB())
	drivertest.Life[spec.TableItem]{
		Clients: c, Driver: New(c), Name: spec.NameIn(table, key), Reads: 1,
		Full: spec.TableItem{Table: table, HashKey: "device_id", Key: key, Document: `{"version":1}`},
		Steps: []drivertest.Step[spec.TableItem]{
			{
				Why:    "document edited by hand",
				Fields: []string{"document"},
				Writes: []string{"PutItem"},
				Drift:  put(c.DynamoDB(), "{}", drivertest.Owner),
			},
			{Why: "another document wanted", Fields: []string{"document"}, Writes: []string{"PutItem"},
				Want: drivertest.Changing(func(s *spec.TableItem) { s.Document = `{"version":1,"rules":{}}` })},
		},
		Foreign: put(c.DynamoDB(), "theirs", ""),
	}.Run(t)
}

func TestForeignItemSurvivesDeletion(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	makeTable(t, c.DynamoDB())
	if err := put(c.DynamoDB(), "theirs", drivertest.Other)(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, ref := New(c), assembly.Ref{Name: spec.NameIn(table, key), Owner: drivertest.Owner}
	_, err := d.Create(t.Context(), ref, spec.TableItem{Table: table, HashKey: "device_id", Key: key})
	if foreign, ok := errors.AsType[*assembly.ForeignError](err); !ok || foreign.Owner != drivertest.Other {
		t.Errorf("creating: %v; want it to name the owner", err)
	}
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	got, err := d.Observe(t.Context(), ref)
	if err != nil || got == nil || got.Owner != drivertest.Other {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAbsentTableMeansAbsentItem(t *testing.T) {
	d := New(drivertest.Clients(t, mototest.Start(t)))
	for _, ref := range []assembly.Ref{{Name: "none|$rules"}, {Name: "none|$rules", ID: "none|device_id|$rules"}} {
		if got, err := d.Observe(t.Context(), ref); got != nil || err != nil {
			t.Errorf("%+v: %+v, %v", ref, got, err)
		}
		if err := d.Delete(t.Context(), ref); err != nil {
			t.Errorf("%+v: %v", ref, err)
		}
	}
}

// Somebody has made another table under the name of ours, with a key of another name: our item is gone.
func TestTableWithAnotherKeyMeansAbsentItem(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	makeTable(t, c.DynamoDB())
	d, ref := New(c), assembly.Ref{
		Name:  spec.NameIn(table, key),
		ID:    spec.NameIn(table, "serial", key),
		Owner: drivertest.Owner,
	}
	if got, err := d.Observe(t.Context(), ref); got != nil || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Error(err)
	}
}
