package endtoend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	paho "github.com/eclipse/paho.mqtt.golang"
)

const (
	fleetDevices  = 50
	fleetMessages = 10000
	// Every badEvery-th message is not JSON.
	badEvery = 97
)

const fleet = `
resource "iot_pipeline" "fleet" {
  name          = "NAME"
  devices       = { for i in range(1, 51) : format("soil-%03d", i) => {} }
  timestream    = { layout = "single" }
  archive       = { enabled = false } # one object per message is what moto is slowest at
  processor     = { batch_size = 500, batch_window_seconds = 0 }
  stream        = { mode = "provisioned", shards = 2 }
  force_destroy = true
}
`

// TestFleetIsAccountedFor: 10,000 messages of 50 devices are stored or in a dead letter, and the stream has them in the
// order in which each device sent them.
func TestFleetIsAccountedFor(t *testing.T) {
	w := deploy(t, strings.ReplaceAll(fleet, "NAME", name))
	devices := make([]*device, fleetDevices)
	for i := range devices {
		devices[i] = w.connect(t, fmt.Sprintf("soil-%03d", i+1))
	}
	began := time.Now()
	var sending sync.WaitGroup
	for _, d := range devices {
		sending.Go(func() {
			if err := d.sendAll(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	sending.Wait()
	accepted := time.Since(began)
	w.drain(t)
	t.Logf("%d messages accepted in %v and handled in %v: %.0f per second", fleetMessages, accepted, time.Since(began),
		fleetMessages/time.Since(began).Seconds())

	stored := len(w.server.TimestreamRecords(t, name, "telemetry"))
	letters := w.letters(t)
	if stored+letters != fleetMessages || letters != badMessagesOf() {
		t.Errorf("%d stored and %d dead letters of %d sent, %d of them bad", stored, letters, fleetMessages,
			badMessagesOf())
	}
	checkOrder(t, w)
}

func badMessagesOf() int {
	n := 0
	for i := range fleetMessages / fleetDevices {
		if bad(i) {
			n += fleetDevices
		}
	}
	return n
}

func bad(i int) bool { return i%badEvery == badEvery-1 }

// sendAll sends the device's share, with up to 50 messages on their way.
func (d *device) sendAll(ctx context.Context) error {
	window := make(chan paho.Token, 50)
	failed := make(chan error, 1)
	go func() {
		var first error
		for token := range window {
			if first == nil && !token.WaitTimeout(patience) {
				first = fmt.Errorf("device %s: no acknowledgement", d.Thing)
			}
			if first == nil {
				first = token.Error()
			}
		}
		failed <- first
	}()
	for i := range fleetMessages / fleetDevices {
		if ctx.Err() != nil {
			break
		}
		payload := fmt.Sprintf(`{"timestamp":%d,"data":{"n":%d}}`, 1767225600000+i, i)
		if bad(i) {
			payload = fmt.Sprintf("not JSON, number %d", i)
		}
		window <- d.Publish(d.Topics.Telemetry, 1, false, payload)
	}
	close(window)
	return <-failed
}

// checkOrder reads the stream: each device's numbers must rise one by one.
func checkOrder(t *testing.T, w *deployment) {
	t.Helper()
	next, total := map[string]int{}, 0
	for _, shard := range must(w.aws.Kinesis().ListShards(t.Context(),
		&kinesis.ListShardsInput{StreamName: aws.String(name)}))(t).Shards {
		iterator := must(
			w.aws.Kinesis().GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
				StreamName:        aws.String(name),
				ShardId:           shard.ShardId,
				ShardIteratorType: "TRIM_HORIZON",
			}),
		)(t).ShardIterator
		for {
			page := must(w.aws.Kinesis().GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator}))(t)
			if len(page.Records) == 0 {
				break
			}
			for _, r := range page.Records {
				var m struct{ Data *struct{ N int } }
				if json.Unmarshal(r.Data, &m) != nil {
					m.Data = nil
				}
				n, telemetry := next[*r.PartitionKey], m.Data != nil || strings.HasPrefix(string(r.Data), "not JSON")
				if !telemetry {
					continue // a status message
				}
				if m.Data != nil && m.Data.N != n ||
					m.Data == nil && string(r.Data) != fmt.Sprintf("not JSON, number %d", n) {
					t.Fatalf("device %s: %s where number %d was expected", *r.PartitionKey, r.Data, n)
				}
				next[*r.PartitionKey] = n + 1
				total++
			}
			iterator = page.NextShardIterator
		}
	}
	if total != fleetMessages {
		t.Errorf("the stream has %d messages, want %d", total, fleetMessages)
	}
}
