package alerts

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/iot-pipeline/terraform-provider-iot/internal/costs"
)

// countingTable counts the calls to the device table.
type countingTable struct {
	tableAPI
	gets, updates int
}

func (c *countingTable) GetItem(ctx context.Context, in *dynamodb.GetItemInput,
	options ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	c.gets++
	return c.tableAPI.GetItem(ctx, in, options...)
}

func (c *countingTable) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput,
	options ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	c.updates++
	return c.tableAPI.UpdateItem(ctx, in, options...)
}

// The estimate of the guide "Costs" counts the requests and the metrics of an alert that is announced, and at least the
// bytes of its log.
func TestCostsAreThoseOfAnAlert(t *testing.T) {
	f := newFixture(t, twoRules)
	var out bytes.Buffer
	f.out = &out
	counter := &countingTable{tableAPI: f.cooldowns.client}
	f.rules.client, f.cooldowns.client = counter, counter
	f.mustSend("soil-001", `{"data":{"humidity":29}}`)
	f.wantTold("one alert", "alert dry soil-001 0")

	want := costs.Default().Alerting()
	notices := len(f.aws.Calls("sns:Publish"))
	if float64(counter.updates) != want.Updates || float64(counter.gets) != want.Reads ||
		float64(counter.updates+counter.gets+notices) != want.Requests {
		t.Errorf("%d updates, %d reads and %d notices; the estimate has %+v", counter.updates, counter.gets, notices, want)
	}
	metrics := 0
	for line := range strings.Lines(out.String()) {
		var printed struct {
			AWS struct {
				CloudWatchMetrics []struct{ Metrics []any }
			} `json:"_aws"`
		}
		if err := json.Unmarshal([]byte(line), &printed); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		for _, directive := range printed.AWS.CloudWatchMetrics {
			metrics += len(directive.Metrics)
		}
	}
	if float64(metrics) != want.Metrics {
		t.Errorf("%d metrics; the estimate has %v: %s", metrics, want.Metrics, out.String())
	}
	// Lambda adds its own lines and 26 bytes for each line [CloudWatch Logs: pricing].
	if logged := float64(out.Len() + 4*26 + 500); logged > want.LogBytes || logged < want.LogBytes/2 {
		t.Errorf("%v bytes in the log; the estimate has %v", logged, want.LogBytes)
	}
}
