package endtoend_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/uplink"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/victoriametrics"
)

// againPipeline has every store whose content tells whether a message came twice.
const againPipeline = `
variable "secret" {
  type    = string
  default = null
}

resource "iot_pipeline" "gh" {
  name          = "NAME"
  devices       = { "gw-1" = { gateway = {} } }
  edge          = {}
  recent        = { hours = 48 }
  influxdb      = { url = "URL", version = 1, token_secret_arn = var.secret }
  timestream    = {}
  processor     = { batch_window_seconds = 0 }
  force_destroy = true
}
`

// TestMessagesThatComeAgain: iot-edge loses its uplink after the broker took messages and before their acknowledgements
// arrive, so it sends them again: over another connection, and after it was killed, in other batches. Recent readings,
// Timestream and InfluxDB have each reading once, the archive has each message as often as it came.
func TestMessagesThatComeAgain(t *testing.T) {
	server := victoriametrics.StartWithPassword(t, "secret-password")
	w := deploy(t, strings.NewReplacer("NAME", name, "URL", server.URL).Replace(againPipeline))
	w.storePassword(t, "secret-password")
	e := &edgeSite{w: w, line: startLine(t, w.runtime.MQTTAddr()), sent: map[string]int{},
		begin: time.Now().Add(-time.Hour).Truncate(time.Second)}
	e.gateway = newEdge(t, w, e.line.listener.Addr(), edgeChildren...)
	const each = 5

	e.gateway.run(t)
	e.gateway.forwards(t)
	e.unacknowledged(t, each, each*len(edgeChildren))
	e.line.cut(false)
	e.gateway.forwards(t)
	w.await(t, 2*each*len(edgeChildren), telemetryOfChildren)
	w.drain(t)
	e.checkOnce(t, server)
	for _, child := range edgeChildren {
		archived := w.archived(t, "gw-1:"+child)
		if len(archived) != each || slices.Min(slices.Collect(maps.Values(archived))) != 2 {
			t.Errorf("%s: the archive has each message so often: %v", child, archived)
		}
	}

	// The batch is full with the last reading.
	e.gateway.kill()
	e.gateway.config.Settings.Batch = &uplink.Batch{MaxReadings: each, MaxBytes: 32 << 10, LingerMS: int(patience.Milliseconds())}
	e.gateway.run(t)
	e.gateway.forwards(t)
	e.unacknowledged(t, each, len(edgeChildren))
	e.gateway.kill()
	e.line.cut(false)
	e.gateway.config.Settings.Batch.MaxReadings, e.gateway.config.Settings.Batch.LingerMS = 2, 1
	e.gateway.run(t)
	e.gateway.forwards(t)
	w.drain(t)
	e.checkOnce(t, server)
	if letters := w.takeLetters(t); len(letters) > 0 {
		t.Errorf("dead letters %s", letters)
	}
}

// telemetryOfChildren are the messages that the broker has got of devices behind the gateway.
func telemetryOfChildren(event runlog.Event) bool {
	return event.Kind == runlog.Received && strings.HasPrefix(event.Topic, name+"/gw-1:") &&
		strings.HasSuffix(event.Topic, "/telemetry")
}

// unacknowledged sends count messages of each child, which the broker gets as so many messages, and then cuts
// the uplink. The gateway has got no acknowledgement of them.
func (e *edgeSite) unacknowledged(t *testing.T, count, messages int) {
	t.Helper()
	before := e.w.count(telemetryOfChildren)
	e.line.loseAnswers(true)
	e.send(t, count)
	e.w.await(t, before+messages, telemetryOfChildren)
	e.line.cut(true)
	e.line.loseAnswers(false)
	if s := e.gateway.status(t); s.Queue.Records != uint64(count*len(edgeChildren)) {
		t.Errorf("%d records wait, and %d were sent: %+v", s.Queue.Records, count*len(edgeChildren), s)
	}
}

var itemKey = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z#[0-9a-f]{32}$`)

// checkOnce compares what the stores have of the children with what they sent.
func (e *edgeSite) checkOnce(t *testing.T, server *victoriametrics.Server) {
	t.Helper()
	samples := e.samples(t, server)
	for _, child := range edgeChildren {
		thing := "gw-1:" + child
		var got, want []string
		for _, item := range must(e.w.aws.DynamoDB().Query(t.Context(), &dynamodb.QueryInput{
			TableName: aws.String(name + "-readings"), KeyConditionExpression: aws.String("device_id = :device"),
			ExpressionAttributeValues: map[string]ddbtypes.AttributeValue{":device": text(thing)},
		}))(t).Items {
			if at := item["at"].(*ddbtypes.AttributeValueMemberS).Value; !itemKey.MatchString(at) {
				t.Errorf("%s: the key %s", thing, at)
			}
			measures := item["measures"].(*ddbtypes.AttributeValueMemberM).Value
			got = append(got, measures["t"].(*ddbtypes.AttributeValueMemberN).Value)
		}
		for n := range e.sent[child] {
			want = append(want, fmt.Sprint(n)) // times rise with the numbers
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("recent readings of %s (-want +got):\n%s", thing, diff)
		}
		if n := len(e.w.stored(t, thing)); n != e.sent[child] {
			t.Errorf("Timestream has %d records of %s, want %d", n, thing, e.sent[child])
		}
		if samples[thing] != e.sent[child] {
			t.Errorf("InfluxDB has %d points of %s, want %d", samples[thing], thing, e.sent[child])
		}
	}
}

// samples are how many points the server has of each child, which is as many as messages were sent. What it has just
// taken is not visible at once.
func (e *edgeSite) samples(t *testing.T, server *victoriametrics.Server) map[string]int {
	t.Helper()
	timeout, again := time.After(patience), time.NewTicker(100*time.Millisecond)
	defer again.Stop()
	for {
		points, all := map[string]int{}, true
		for sample := range server.Samples() {
			_, thing, _ := strings.Cut(sample, "{")
			thing, _, _ = strings.Cut(thing, "}")
			points[thing]++
		}
		for _, child := range edgeChildren {
			all = all && points["gw-1:"+child] >= e.sent[child]
		}
		if all {
			return points
		}
		select {
		case <-again.C:
		case <-timeout:
			return points
		}
	}
}
