package processor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/costs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// batchOf is a setup whose batches have n messages of 50 devices.
func batchOf(n float64) costs.Setup {
	s := costs.Default()
	s.Stream = costs.Stream{Mode: "provisioned", Shards: 1}
	s.Devices, s.IntervalSeconds, s.MessageBytes = 50, 50, 130
	s.Processor.BatchSize, s.Processor.BatchWindowSeconds = n, 300
	s.Timestream, s.Recent = costs.DefaultTimestream(), costs.DefaultRecent()
	return s
}

// The estimate of the guide "Costs" counts the requests that the function sends, the metrics that it prints and at
// least the bytes that it logs.
func TestCostsAreThoseOfABatch(t *testing.T) {
	aws := lambdatest.StartAWS(t)
	var out bytes.Buffer
	p, err := newProcessor(aws.Getenv(map[string]string{"IOT_READINGS_TABLE": "greenhouse-readings",
		"IOT_READINGS_HOURS": "48"}), &out)
	if err != nil {
		t.Fatal(err)
	}
	invoke(t, p, lambdatest.Fleet(100, 50), quick)

	want := batchOf(100).Processing()
	if want.Messages != 100 {
		t.Fatalf("the estimate is about %v messages", want.Messages)
	}
	updates, records := len(aws.Calls("dynamodb:UpdateItem")), len(aws.Calls("timestream:WriteRecords"))
	items := len(aws.Calls("dynamodb:BatchWriteItem"))
	if float64(updates) != want.Updates || float64(updates+records+items) != want.Requests {
		t.Errorf("%d updates, %d WriteRecords, %d BatchWriteItem; the estimate has %+v", updates, records, items, want)
	}
	line, _, _ := strings.Cut(out.String(), "\n")
	var printed struct {
		AWS struct {
			CloudWatchMetrics []struct{ Metrics []any }
		} `json:"_aws"`
	}
	if err := json.Unmarshal([]byte(line), &printed); err != nil || len(printed.AWS.CloudWatchMetrics) != 1 {
		t.Fatalf("%s: %v", line, err)
	}
	if got := len(printed.AWS.CloudWatchMetrics[0].Metrics); float64(got) != want.Metrics {
		t.Errorf("%d metrics; the estimate has %v", got, want.Metrics)
	}
	// Lambda adds its own lines and 26 bytes for each line [CloudWatch Logs: pricing].
	const lambdaLines = 3*26 + 500
	if logged := float64(out.Len() + lambdaLines); logged > want.LogBytes || logged < want.LogBytes/2 {
		t.Errorf("%v bytes in the log; the estimate has %v", logged, want.LogBytes)
	}
}

// An item of device state is not larger than the estimate says, by DynamoDB's rules for sizes.
func TestCostsAreThoseOfAnItem(t *testing.T) {
	for reason, payload := range map[string]string{
		"few measures":  `{"temperature":21.5,"humidity":40}`,
		"a time":        `{"temperature":21.5,"ts":1767225600}`,
		"1 KB in 51":    kilobyteOf(),
		"texts":         `{"deviceId":"soil-001","timestamp":1767225600000,"data":{"state":"open","firmware":"1.2.3","on":true}}`,
		"short numbers": `{"timestamp":1767225600000,"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":0,"k":1,"l":2}`,
	} {
		p, aws := start(t, map[string]string{"IOT_READINGS_TABLE": "greenhouse-readings", "IOT_READINGS_HOURS": "48"})
		invoke(t, p, lambdatest.Event(lambdatest.Record{Thing: "soil-001", Sequence: strings.Repeat("4", 56),
			Payload: payload}), quick)
		s := costs.Default()
		s.MessageBytes = float64(len(payload))
		most := s.Processing()
		for table, item := range map[string]struct {
			size int
			most float64
		}{
			"device state":    {stateSize(t, aws), most.ItemBytes},
			"recent readings": {recentSize(t, aws), most.RecentItemBytes},
		} {
			if float64(item.size) > item.most || float64(item.size) < item.most/4 {
				t.Errorf("%s: %d bytes of payload make an item of %s of %d; the estimate has %v", reason, len(payload),
					table, item.size, item.most)
			}
		}
	}
}

// stateSize is the size of the item that the only update writes.
func stateSize(t *testing.T, aws *lambdatest.AWS) int {
	t.Helper()
	calls := aws.Calls("dynamodb:UpdateItem")
	if len(calls) != 1 {
		t.Fatalf("%d updates", len(calls))
	}
	var update struct {
		ExpressionAttributeValues map[string]map[string]any
	}
	if err := json.Unmarshal(calls[0].Body, &update); err != nil {
		t.Fatal(err)
	}
	v := update.ExpressionAttributeValues
	size := len("device_id") + len("soil-001")
	for name, value := range map[string]string{"last_seen": ":seen", "measured_at": ":measured", "status": ":status",
		"status_at": ":status_at", "latest": ":latest"} {
		if v[value] == nil {
			t.Fatalf("the update has no %s: %v", value, v)
		}
		size += len(name) + sizeOf(t, v[value])
	}
	return size
}

// recentSize is the size of the only item that is put into the table of recent readings.
func recentSize(t *testing.T, aws *lambdatest.AWS) int {
	t.Helper()
	calls := aws.Calls("dynamodb:BatchWriteItem")
	if len(calls) != 1 {
		t.Fatalf("%d BatchWriteItem", len(calls))
	}
	var write struct {
		RequestItems map[string][]struct {
			PutRequest struct{ Item map[string]map[string]any }
		}
	}
	if err := json.Unmarshal(calls[0].Body, &write); err != nil {
		t.Fatal(err)
	}
	requests := write.RequestItems["greenhouse-readings"]
	if len(requests) != 1 {
		t.Fatalf("%s", calls[0].Body)
	}
	size := 0
	for name, value := range requests[0].PutRequest.Item {
		size += len(name) + sizeOf(t, value)
	}
	return size
}

// kilobyteOf is a message of some 1 KB.
func kilobyteOf() string {
	var measures []string
	for i := range 51 {
		measures = append(measures, fmt.Sprintf(`"measure_%02d":%.2f`, i, 20+float64(i)/7))
	}
	return `{"deviceId":"soil-001","timestamp":` + fmt.Sprint(time.Now().UnixMilli()) + `,"data":{` +
		strings.Join(measures, ",") + "}}"
}

// sizeOf is the size of a value [DynamoDB: Item sizes and formats]: a number takes a byte per two digits and one more,
// a map three bytes and one per entry.
func sizeOf(t *testing.T, value map[string]any) int {
	t.Helper()
	switch {
	case value["N"] != nil:
		digits := strings.NewReplacer(".", "", "-", "").Replace(value["N"].(string))
		return (len(digits)+1)/2 + 1
	case value["S"] != nil:
		return len(value["S"].(string))
	case value["BOOL"] != nil:
		return 1
	case value["M"] != nil:
		size := 3
		for name, inner := range value["M"].(map[string]any) {
			size += len(name) + 1 + sizeOf(t, inner.(map[string]any))
		}
		return size
	}
	t.Fatalf("a value of another kind: %v", value)
	return 0
}
