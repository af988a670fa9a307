package alerts

import (
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// The API lists alerts by the index by status: each has the time when it was raised, which a suppressed one leaves.
func TestAlertsAreInTheIndex(t *testing.T) {
	f := newFixture(t, twoRules)
	raised := func() string {
		out, err := f.table.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("greenhouse"),
			Key: cooldownKey("dry", "soil-001")})
		if err != nil {
			t.Fatal(err)
		}
		status, _ := out.Item[contract.StatusAttribute].(*types.AttributeValueMemberS)
		at, _ := out.Item[contract.LastSeenAttribute].(*types.AttributeValueMemberN)
		key, _ := out.Item[contract.SlotAttribute].(*types.AttributeValueMemberN)
		if status == nil || status.Value != contract.StatusAlert || at == nil || key == nil || key.Value != at.Value {
			t.Fatalf("item %v", out.Item)
		}
		return at.Value
	}
	f.mustSend("soil-001", `{"data":{"humidity":29}}`)
	first := raised()
	if want := strconv.FormatInt(f.clock.UnixMilli(), 10); first != want {
		t.Errorf("raised at %s, want %s", first, want)
	}
	f.clock = f.clock.Add(time.Minute)
	f.mustSend("soil-001", `{"data":{"humidity":29}}`)
	if again := raised(); again != first {
		t.Errorf("a suppressed alert moved it from %s to %s", first, again)
	}
	f.clock = f.clock.Add(5 * time.Minute)
	f.mustSend("soil-001", `{"data":{"humidity":29}}`)
	if again := raised(); again == first {
		t.Error("the next alert did not move it")
	}
}
