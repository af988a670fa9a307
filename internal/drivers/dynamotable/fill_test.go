package dynamotable

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// migrating is a table of an earlier version with items: what a pipeline has before its index by status is replaced.
type migrating struct {
	*Driver
	db   *awsapi.DynamoDB
	ref  assembly.Ref
	want spec.Table
}

func newMigrating(t *testing.T, server *mototest.Server) *migrating {
	t.Helper()
	c := drivertest.Clients(t, server)
	m := &migrating{Driver: New(c), db: c.DynamoDB(), ref: assembly.Ref{Name: name, Owner: drivertest.Owner},
		want: spec.Table{HashKey: "device_id", Indexes: []spec.TableIndex{byStatus}}}
	if _, err := m.Create(t.Context(), m.ref, m.want); err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		item := map[string]types.AttributeValue{
			"device_id": &types.AttributeValueMemberS{Value: fmt.Sprintf("soil-%03d", i)},
			"status":    &types.AttributeValueMemberS{Value: []string{"online", "offline", "silent"}[i%3]},
			"last_seen": &types.AttributeValueMemberN{Value: fmt.Sprint(1000 + i)},
		}
		if i == 7 { // the processor of the new version was faster
			item["seen_slot"] = &types.AttributeValueMemberN{Value: "900"}
		}
		m.put(t, item)
	}
	m.put(t, map[string]types.AttributeValue{"device_id": &types.AttributeValueMemberS{Value: "$rules"},
		"document": &types.AttributeValueMemberS{Value: "{}"}})
	m.want.Indexes = []spec.TableIndex{bySlot}
	return m
}

func (m *migrating) put(t *testing.T, item map[string]types.AttributeValue) {
	t.Helper()
	if _, err := m.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(name), Item: item}); err != nil {
		t.Fatal(err)
	}
}

func (m *migrating) apply(t *testing.T) error {
	t.Helper()
	have, err := m.Observe(t.Context(), m.ref)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Update(t.Context(), m.ref, have, m.want, m.Diff(have.Spec, m.want))
	return err
}

// listed is what the new index has of a status: "device slot".
func (m *migrating) listed(t *testing.T, status string) []string {
	t.Helper()
	out, err := m.db.Query(t.Context(), &dynamodb.QueryInput{TableName: aws.String(name), IndexName: &bySlot.Name,
		KeyConditionExpression:    aws.String("#status = :status"),
		ExpressionAttributeNames:  map[string]string{"#status": "status"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":status": &types.AttributeValueMemberS{Value: status}}})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, item := range out.Items {
		list = append(list, item["device_id"].(*types.AttributeValueMemberS).Value+" "+
			item["seen_slot"].(*types.AttributeValueMemberN).Value)
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Compare(a, b) })
	return list
}

// The rows of a pipeline are all in the index that replaces an earlier one, whenever the apply that makes it ends.
func TestReplacingAnIndexFindsAllItems(t *testing.T) {
	for why, fault := range map[string]*mototest.Fault{
		"undisturbed":               nil,
		"a write is refused":        {Operation: "UpdateItem", Code: "AccessDeniedException", Message: "no", Times: 1},
		"the scan is refused":       {Operation: "Scan", Code: "AccessDeniedException", Message: "no", Times: 1},
		"adding the index fails":    {Operation: "UpdateTable", Code: "AccessDeniedException", Message: "no", Times: 1},
		"its answer is lost":        {Operation: "UpdateTable", Code: "AccessDeniedException", Message: "no", Times: 1, After: true},
		"an answer of a write lost": {Operation: "UpdateItem", Code: "AccessDeniedException", Message: "no", Times: 1, After: true},
	} {
		t.Run(why, func(t *testing.T) {
			server := mototest.Start(t)
			m := newMigrating(t, server)
			if fault != nil {
				fault.Service = "dynamodb"
				server.Fail(t, *fault)
				if err := m.apply(t); err == nil || !strings.Contains(err.Error(), "by-status-and-seen") {
					t.Fatalf("the disturbed apply says: %v", err)
				}
			}
			if err := m.apply(t); err != nil {
				t.Fatal(err)
			}
			for i, status := range []string{"online", "offline", "silent"} {
				var want []string
				for d := i; d < 60; d += 3 {
					slot := 1000 + d
					if d == 7 {
						slot = 900
					}
					want = append(want, fmt.Sprintf("soil-%03d %d", d, slot))
				}
				if diff := gocmp.Diff(want, m.listed(t, status)); diff != "" {
					t.Errorf("%s devices (-want +got):\n%s", status, diff)
				}
			}
			have, err := m.Observe(t.Context(), m.ref)
			if err != nil || len(m.Diff(have.Spec, m.want)) > 0 || len(have.Spec.Indexes) != 1 {
				t.Errorf("the table has %+v, %v", have.Spec, err)
			}
		})
	}
}
