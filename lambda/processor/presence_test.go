package processor

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// lifecycle is an event as AWS IoT publishes it, with the time after the start of the events.
func lifecycle(client, kind, session string, version int, after time.Duration) string {
	more := ""
	if kind == "disconnected" {
		more = `,"clientInitiatedDisconnect":false,"disconnectReason":"CONNECTION_LOST"`
	}
	return fmt.Sprintf(`{"clientId":%q,"timestamp":%s,"eventType":%q,"sessionIdentifier":%q,`+
		`"principalIdentifier":"ab12","versionNumber":%d%s}`, client, at(after), kind, session, version, more)
}

// presenceRecord is the record of an event of soil-001 that arrives when it happens.
func presenceRecord(kind, session string, version int, after time.Duration) lambdatest.Record {
	return lambdatest.Record{Thing: "soil-001", After: after,
		Payload: lambdatest.Presence("soil-001", kind, lifecycle("soil-001", kind, session, version, after))}
}

const (
	second = time.Second
	here   = "connected"
	gone   = "disconnected"
)

func message(after time.Duration) lambdatest.Record {
	return lambdatest.Record{Thing: "soil-001", After: after, Payload: `{"v":1}`}
}

// connectionOf is what a test looks at: "connected session version status".
func (p pipeline) connectionOf(t *testing.T) string {
	t.Helper()
	item := device(t, p.table, "soil-001")
	if len(item) == 0 {
		return "unknown"
	}
	return strings.Join([]string{item["connected"], strings.Trim(item["session"], `"`), item["connection_version"],
		strings.Trim(item["status"], `"`)}, " ")
}

func TestPresenceInMoto(t *testing.T) {
	for _, c := range []struct {
		why    string
		events []lambdatest.Record
		want   string
		batch  string // in one batch, if that differs
	}{
		{"a client that has sent nothing is no device", []lambdatest.Record{presenceRecord(here, "a", 1, 0)}, "unknown", ""},
		{"connected", []lambdatest.Record{message(1), presenceRecord(here, "a", 1, second)}, "true a 1 online", ""},
		{"the connection ends", []lambdatest.Record{message(1), presenceRecord(here, "a", 1, 0),
			presenceRecord(gone, "a", 1, second)}, "false a 1 offline", ""},
		{"twice, and the connection first", []lambdatest.Record{message(1), presenceRecord(gone, "a", 1, second),
			presenceRecord(gone, "a", 1, second), presenceRecord(here, "a", 1, 2)}, "false a 1 offline", ""},
		{"taken over: the end of the old connection comes last", []lambdatest.Record{message(1),
			presenceRecord(here, "a", 1, 2), presenceRecord(here, "b", 2, second), presenceRecord(gone, "a", 1, 2*second)},
			"true b 2 online", ""},
		{"the next connection does not make it online: its next message does", []lambdatest.Record{message(1),
			presenceRecord(gone, "a", 1, second), presenceRecord(here, "b", 2, 2*second)}, "true b 2 offline",
			"true b 2 online"}, // it never was offline for longer than a batch
		{"and that does", []lambdatest.Record{message(1), presenceRecord(gone, "a", 1, second),
			presenceRecord(here, "b", 2, 2*second), message(3 * second)}, "true b 2 online", ""},
		{"it has sent something since", []lambdatest.Record{message(3 * second), presenceRecord(gone, "a", 1, second)},
			"false a 1 online", ""},
		{"the numbers begin again after a pause", []lambdatest.Record{message(1), presenceRecord(gone, "a", 7, second),
			presenceRecord(here, "b", 0, 2*time.Minute)}, "true b 0 offline", "true b 0 online"},
		{"and an old event with a high number comes", []lambdatest.Record{message(1),
			presenceRecord(here, "b", 0, 2*time.Minute), presenceRecord(gone, "a", 7, second)}, "true b 0 online", ""},
	} {
		for _, how := range []string{"in one batch", "one by one", "one by one, twice"} {
			t.Run(c.why+", "+how, func(t *testing.T) {
				t.Parallel()
				p := motoPipeline(t, nil)
				p.now = func() time.Time { return lambdatest.Start.Add(3 * second) }
				want := c.want
				batches := slices.Collect(slices.Chunk(c.events, 1))
				if how == "in one batch" {
					batches, want = [][]lambdatest.Record{c.events}, cmp.Or(c.batch, c.want)
				}
				times := 1 + strings.Count(how, "twice")
				for _, batch := range batches {
					for range times {
						if failed := invoke(t, p.processor, lambdatest.Event(batch...), quick); failed != "" {
							t.Fatalf("failed from %s", failed)
						}
					}
				}
				if got := p.connectionOf(t); got != want {
					t.Errorf("the device is %q, want %q", got, want)
				}
			})
		}
	}
}

// What a device's row has after its connection has ended, and that what AWS IoT says changes nothing else.
func TestPresenceAttributes(t *testing.T) {
	p := motoPipeline(t, nil)
	invoke(t, p.processor, lambdatest.Event(message(second)), quick)
	want := device(t, p.table, "soil-001")
	maps.Copy(want, map[string]string{"connected": "false", "session": `"a"`, "connection_version": "4",
		"presence_at": at(2 * second), "disconnected_at": at(2 * second), "disconnect_reason": `"CONNECTION_LOST"`,
		"status": `"offline"`, "status_at": at(2 * second)})
	invoke(t, p.processor, lambdatest.Event(presenceRecord(gone, "a", 4, 2*second)), quick)
	if diff := gocmp.Diff(want, device(t, p.table, "soil-001")); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
}

// A silent device stays silent whatever its connection does, and one that said goodbye has said so.
func TestPresenceLeavesOtherStatus(t *testing.T) {
	for status, farewell := range map[string]bool{contract.StatusSilent: false, contract.StatusOffline: true} {
		p := motoPipeline(t, nil)
		invoke(t, p.processor, lambdatest.Event(message(1)), quick)
		p.set(t, status, farewell)
		before := device(t, p.table, "soil-001")
		for _, r := range []lambdatest.Record{presenceRecord(gone, "a", 1, second), presenceRecord(here, "b", 2, 2*second)} {
			invoke(t, p.processor, lambdatest.Event(r), quick)
		}
		after := device(t, p.table, "soil-001")
		for _, name := range []string{"status", "status_at", "farewell_at", "last_seen"} {
			if after[name] != before[name] {
				t.Errorf("%s: %s was %s and is %s", status, name, before[name], after[name])
			}
		}
		if after["session"] != `"b"` {
			t.Errorf("%s: the session is %s", status, after["session"])
		}
	}
}

func (p pipeline) set(t *testing.T, status string, farewell bool) {
	t.Helper()
	set := "SET #status = :status"
	if farewell {
		set += ", farewell_at = last_seen"
	}
	_, err := p.table.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName:                 aws.String("greenhouse"),
		Key:                       map[string]types.AttributeValue{"device_id": textValue("soil-001")},
		UpdateExpression:          aws.String(set),
		ExpressionAttributeNames:  map[string]string{"#status": "status"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":status": textValue(status)},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A processor that was behind must not set a device offline where the watch function has looked already.
func TestABelatedEventChangesNoStatus(t *testing.T) {
	for late, want := range map[time.Duration]string{belated - second: "false a 1 offline", belated: "false a 1 online"} {
		p := motoPipeline(t, nil)
		p.now = func() time.Time { return lambdatest.Start.Add(second + late) }
		invoke(t, p.processor, lambdatest.Event(message(1), presenceRecord(gone, "a", 1, second)), quick)
		if got := p.connectionOf(t); got != want {
			t.Errorf("%s late: %q, want %q", late, got, want)
		}
	}
}

// Events of other clients, and what devices forge, concern no other device.
func TestForgedPresence(t *testing.T) {
	p := motoPipeline(t, nil)
	invoke(t, p.processor, lambdatest.Event(message(1)), quick)
	want := device(t, p.table, "soil-001")
	event := lifecycle("soil-001", gone, "a", 9, second)
	for why, r := range map[string]lambdatest.Record{
		"another device's envelope": {Thing: "soil-002", Payload: lambdatest.Presence("soil-001", gone, event)},
		"another device's event":    {Thing: "soil-002", Payload: lambdatest.Presence("soil-002", gone, event)},
		"a client that has sent nothing": {Thing: "soil-003", Payload: lambdatest.Presence("soil-003", gone,
			lifecycle("soil-003", gone, "a", 1, second))},
	} {
		if failed := invoke(t, p.processor, lambdatest.Event(r), quick); failed != "" {
			t.Errorf("%s: failed from %s", why, failed)
		}
		if diff := gocmp.Diff(want, device(t, p.table, "soil-001")); diff != "" {
			t.Errorf("%s changed soil-001 (-want +got):\n%s", why, diff)
		}
		if item := device(t, p.table, r.Thing); len(item) > 0 {
			t.Errorf("%s made the item %v", why, item)
		}
	}
}

func TestEventsThatAreNone(t *testing.T) {
	good := lifecycle("soil-001", here, "a", 1, 0)
	if _, err := parsePresence("soil-001", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{{`"soil-001"`, `"soil-002"`}, {`"connected"`, `"subscribed"`}, {`"a"`, `""`},
		{`"versionNumber":1`, `"versionNumber":"1"`}, {`"versionNumber"`, `"version"`}, {`"timestamp":`, `"timestamp":-`},
		{`{`, ``}} {
		_, err := parsePresence("soil-001", []byte(strings.Replace(good, change[0], change[1], 1)))
		var refused *telemetry.Error
		if !errors.As(err, &refused) || refused.Reason != "unknown_presence" {
			t.Errorf("%v: error %v", change, err)
		}
	}
}

// However the events of a number of connections are shuffled and repeated, the last one counts.
func TestPresenceInAnyOrder(t *testing.T) {
	var events []presence
	for v := range int64(6) {
		session := fmt.Sprint("session-", v)
		start := v * 90_000
		events = append(events, presence{connected: true, session: session, version: v, at: start},
			presence{session: session, version: v, at: start + 91_000}) // just after the next one has begun
	}
	events = events[:len(events)-1]
	want := events[len(events)-1]
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		shuffled := slices.Concat(events, events[:4])
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		last := shuffled[0]
		for _, p := range shuffled[1:] {
			if p.after(&last) {
				last = p
			}
		}
		if last != want {
			t.Fatalf("the last event is %+v, want %+v, after %+v", last, want, shuffled)
		}
	}
}
