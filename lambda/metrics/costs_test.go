package metrics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/costs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// The estimate of the guide "Costs" counts the requests, items and metrics of the end of a window, and at least the
// bytes of its items, rows and log.
func TestCostsAreThoseOfAWindow(t *testing.T) {
	const devices = 60
	for measures, readings := range map[int]int{1: 1, 4: 6, 20: 3} {
		h, table := start(t, nil)
		exported := &delivery{t: t}
		h.export = &export{client: exported, stream: "greenhouse-metrics", pause: h.table.pause}
		var out bytes.Buffer
		h.out = &out
		var records []lambdatest.Record
		for r := range readings {
			for d := range devices {
				var values []string
				for m := range measures {
					values = append(values, fmt.Sprintf(`"measure_%02d":%.2f`, m, 20+float64(7*r+m)/9))
				}
				records = append(records, lambdatest.Record{Thing: fmt.Sprintf("soil-%03d", d),
					Sequence: fmt.Sprint(1000 + len(records)), Payload: "{" + strings.Join(values, ",") + "}"})
			}
		}
		invoke(t, h, windowEvent{records: records, final: true})

		s := costs.Default()
		s.Devices, s.MeasuresPerReading, s.Metrics = devices, float64(measures), costs.DefaultMetrics()
		s.Stream = costs.Stream{Mode: "provisioned", Shards: 1}
		want := s.Windowing()
		if float64(len(table.items)) != want.Updates || float64(table.calls+exported.calls) != want.Requests {
			t.Errorf("%d items, %d and %d requests; the estimate has %+v", len(table.items), table.calls, exported.calls,
				want)
		}
		for key, item := range table.items {
			if got := float64(itemSize(t, item)); got > want.ItemBytes || got < want.ItemBytes/2 {
				t.Fatalf("%d measures: item %s has %v bytes; the estimate has %v", measures, key, got, want.ItemBytes)
			}
		}
		rows := float64(devices * measures)
		if got := float64(len(exported.got)) / rows; got > want.RowBytes || got < want.RowBytes/2 {
			t.Errorf("%d measures: rows of %v bytes; the estimate has %v", measures, got, want.RowBytes)
		}
		if got := metricsIn(t, out.Bytes()); float64(got) != want.Metrics {
			t.Errorf("%d metrics; the estimate has %v: %s", got, want.Metrics, out.String())
		}
		// Lambda adds its own lines and 26 bytes for each line [CloudWatch Logs: pricing].
		const lambdaLines = 3*26 + 500
		if logged := float64(out.Len() + lambdaLines); logged > want.LogBytes || logged < want.LogBytes/2 {
			t.Errorf("%v bytes in the log; the estimate has %v", logged, want.LogBytes)
		}
	}
}

// metricsIn is how many metrics a line of the log has.
func metricsIn(t *testing.T, line []byte) int {
	t.Helper()
	var printed struct {
		AWS struct {
			CloudWatchMetrics []struct{ Metrics []any }
		} `json:"_aws"`
	}
	if err := json.Unmarshal(line, &printed); err != nil || len(printed.AWS.CloudWatchMetrics) != 1 {
		t.Fatalf("%s: %v", line, err)
	}
	return len(printed.AWS.CloudWatchMetrics[0].Metrics)
}

// itemSize is the size of an item or of a map [DynamoDB: Item sizes and formats]: a number takes a byte per two digits
// and one more, a map three bytes and one per entry.
func itemSize(t *testing.T, item map[string]types.AttributeValue) int {
	t.Helper()
	size := 0
	for name, value := range item {
		size += len(name)
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			size += len(v.Value)
		case *types.AttributeValueMemberN:
			size += (len(strings.NewReplacer(".", "", "-", "").Replace(v.Value))+1)/2 + 1
		case *types.AttributeValueMemberM:
			size += 3 + len(v.Value) + itemSize(t, v.Value)
		default:
			t.Fatalf("%s is of another kind: %v", name, value)
		}
	}
	return size
}
