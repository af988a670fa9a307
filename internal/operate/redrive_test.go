package operate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/deadletter"
)

var arrived = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

// record is a letter of the processor.
func record(t testing.TB, thing, sequence, payload, reason string, after time.Duration) string {
	t.Helper()
	return string(must(json.Marshal(deadletter.Letter{Pipeline: "farm", Source: "processor", Thing: thing,
		Topic: "farm/" + thing + "/telemetry", ArrivedAt: arrived.Add(after), SequenceNumber: sequence,
		Payload: []byte(payload), Reason: reason}))(t))
}

const (
	ruleLetter = `{"ruleName":"farm_%s","topic":"farm/a/%[1]s","clientId":"a","base64OriginalPayload":"e30=",` +
		`"failures":[{"failedAction":"%s","errorMessage":"throttled"}]}`
	eventLetter = `{"timestamp":"2026-01-02T03:04:05.678Z","requestPayload":{"n":1},"requestContext":` +
		`{"condition":"RetriesExhausted","functionArn":"arn:aws:lambda:us-east-1:123456789012:function:%s:$LATEST"}}`
	batchEvent = `{"Records":[{"kinesis":{"partitionKey":"b","sequenceNumber":"70","data":"e30=",` +
		`"approximateArrivalTimestamp":1767323045.678}}]}`
)

// Each letter goes back to what could not handle it, as the message that it was; what cannot go back stays.
func TestLettersGoBackToTheirOrigin(t *testing.T) {
	f := newFarm(t, false)
	f.letter(record(t, "a", "12", "second", "not_json", time.Second))
	f.letter(record(t, "a", "11", "first", "timestream_rejected", 0))
	f.letter(fmt.Sprintf(ruleLetter, "telemetry", "KinesisAction"))
	f.letter(fmt.Sprintf(ruleLetter, "status", "KinesisAction"))
	f.letter(fmt.Sprintf(ruleLetter, "alerts", "LambdaAction"))
	f.letter(fmt.Sprintf(eventLetter, "farm-alerts"))
	f.letter(fmt.Sprintf(eventLetter, "others"))
	f.letter("hello")
	f.batch("aws/lambda/m/s/1", "farm-processor", batchEvent)
	f.batch("aws/lambda/m/s/2", "farm-metrics", batchEvent)

	done, told, err := f.redrive(Redrive{})
	if done != (Redriven{Selected: 10, Sent: 6, Left: 4}) {
		t.Errorf("%+v: %s", done, told)
	}
	requireText(t, told, "8 dead letters in the queue, 8 selected: 2 RetriesExhausted, 1 not_json, 3 rule_failed, "+
		"1 timestream_rejected, 1 unknown", "2 failed batches in the bucket selected: 2 RetriesExhausted",
		"sent 6 of 10 dead letters")
	requireText(t, fmt.Sprint(err), `1 dead letter stays: an action of rule "farm_alerts" failed, and not the stream`,
		`it is for function "others", which this pipeline does not have`, "it is in no known form",
		`it is a batch of function "farm-metrics", whose windows of time are over`)
	f.has("a 1767323045678 11: first", "a 1767323046678 12: second", "b 1767323045678 70: {}")
	if fmt.Sprint(f.events) != `[farm-alerts {"n":1}]` {
		t.Errorf("invoked %s", f.events)
	}
	got := f.streamed()
	if len(got) != 2 || !slices.Contains(got, "a {}") || !strings.Contains(strings.Join(got, ""),
		`"status_payload":"e30=","status_topic":"farm/a/status"`) {
		t.Errorf("the stream has %q", got)
	}
	if n := f.visible("farm-dead-letters"); n != "3" {
		t.Errorf("%s letters can be received, want 3", n)
	}
	if done, _, _ = f.redrive(Redrive{}); done.Sent != 0 || done.Left != 4 {
		t.Errorf("again: %+v", done)
	}
}

// Letters are selected by reason, thing and time, and no more are sent than allowed.
func TestLettersAreSelected(t *testing.T) {
	for name, c := range map[string]struct {
		redrive Redrive
		want    int
	}{
		"reason":            {Redrive{Reasons: []string{"not_json", "x"}}, 2},
		"reason of batches": {Redrive{Reasons: []string{"RetriesExhausted"}}, 1},
		"thing":             {Redrive{Things: []string{"b"}}, 1},
		"after":             {Redrive{After: arrived.Add(time.Second)}, 2},
		"before":            {Redrive{Before: arrived.Add(time.Second)}, 2},
		"span":              {Redrive{After: arrived, Before: arrived.Add(2 * time.Second)}, 2},
		"none":              {Redrive{Reasons: []string{"not_json"}, Things: []string{"b"}}, 0},
		"most":              {Redrive{Max: 2}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFarm(t, false)
			f.letter(record(t, "a", "1", "x", "not_json", 0))
			f.letter(record(t, "b", "2", "x", "other", time.Second))
			f.letter(record(t, "a", "3", "x", "not_json", 2*time.Second))
			f.batch("aws/lambda/m/s/1", "farm-processor", batchEvent)
			c.redrive.DryRun = true
			for range 2 { // a dry run changes nothing
				done, told, err := f.redrive(c.redrive)
				if err != nil || done != (Redriven{Selected: c.want}) {
					t.Errorf("%+v, %v: %s", done, err, told)
				}
				if c.want > 0 {
					requireText(t, told, fmt.Sprintf("would send %d dead letters to the origin", c.want))
				}
			}
			f.has()
			if n := f.visible("farm-dead-letters"); n != "3" {
				t.Errorf("%s letters can be received, want 3", n)
			}
			c.redrive.DryRun = false
			done, _, err := f.redrive(c.redrive)
			if err != nil || done.Sent != c.want || len(f.stored) != c.want {
				t.Errorf("%+v, %v, stored %v", done, err, f.stored)
			}
		})
	}
}

// What the processor cannot store stays, and does not keep the rest.
func TestOneLetterDoesNotKeepTheOthers(t *testing.T) {
	for _, queued := range []bool{false, true} {
		t.Run(fmt.Sprint("queue ", queued), func(t *testing.T) {
			f := newFarm(t, queued)
			for i, thing := range []string{"a", "b", "c", "d"} {
				f.letter(record(t, thing, fmt.Sprint("s", i), "x", "not_json", 0))
			}
			f.crash = "b"
			done, _, err := f.redrive(Redrive{})
			requireText(t, fmt.Sprint(err), `1 dead letter stays: function "farm-processor" failed: {"errorMessage":"boom"}`)
			f.has("a 1767323045678 s0: x", "c 1767323045678 s2: x", "d 1767323045678 s3: x")
			if done.Sent != 3 || f.visible("farm-dead-letters") != "1" {
				t.Errorf("%+v", done)
			}
			f.letter(record(t, "e", "s4", "x", "not_json", 0))
			f.crash, f.refuse = "", "b"
			done, _, err = f.redrive(Redrive{})
			requireText(t, fmt.Sprint(err), "the processor could not store it for now")
			if want := map[bool]int{false: 0, true: 1}[queued]; done.Sent != want {
				t.Errorf("%+v, want %d sent", done, want)
			}
			f.refuse = ""
			if done, _, err = f.redrive(Redrive{}); err != nil || done.Left != 0 || len(f.stored) != 5 {
				t.Errorf("%+v, %v, stored %v", done, err, f.stored)
			}
		})
	}
}

// The stream and a topic take messages of every letter that holds one.
func TestOtherDestinations(t *testing.T) {
	f := newFarm(t, false)
	fill := func() {
		f.letter(record(t, "a", "1", "x", "not_json", 0))
		f.letter(fmt.Sprintf(ruleLetter, "alerts", "LambdaAction"))
		f.letter(fmt.Sprintf(eventLetter, "farm-alerts"))
	}
	fill()
	f.batch("aws/lambda/m/s/1", "farm-processor", batchEvent)
	done, _, err := f.redrive(Redrive{To: ToStream})
	requireText(t, fmt.Sprint(err), "and not the stream", "is an event of function \"farm-alerts\" and no message")
	if got := f.streamed(); done.Sent != 1 || done.Selected != 3 || fmt.Sprint(got) != "[a x]" {
		t.Errorf("%+v, %q", done, got)
	}
	done, _, err = f.redrive(Redrive{To: ToTopic})
	requireText(t, fmt.Sprint(err), "and no message: its destination is the origin")
	f.letter(record(t, "a", "1", "x", "not_json", 0))
	if done.Sent != 1 {
		t.Errorf("%+v", done)
	}
	if _, _, err = f.redrive(Redrive{To: ToTopic, Topic: "farm/again"}); err == nil {
		t.Error("an event was published")
	}
	var got []string
	for _, m := range f.Published(t) {
		got = append(got, m.Topic+" "+m.Payload)
	}
	if fmt.Sprint(got) != "[farm/a/alerts {} farm/again x]" {
		t.Errorf("published %q", got)
	}
}

// A queue gets each message under the name that it had.
func TestIntoTheQueue(t *testing.T) {
	f := newFarm(t, true)
	const message = `{"status_payload":"e30=","status_topic":"farm/a/status","received_at":1767323045678,"thing":"a","message_id":"m"}`
	f.letter(record(t, "a", "id-1", "x", "not_json", 0))
	f.letter(message)
	f.letter(fmt.Sprintf(ruleLetter, "telemetry", "SqsAction"))
	done, _, err := f.redrive(Redrive{To: ToStream})
	if err != nil || done.Sent != 3 || f.visible("farm-messages") != "3" {
		t.Fatalf("%+v, %v", done, err)
	}
	names := map[string]bool{}
	for range 3 {
		for _, m := range must(f.SQS().ReceiveMessage(t.Context(),
			&sqs.ReceiveMessageInput{QueueUrl: f.queueURL("farm-messages")}))(t).Messages {
			var body struct {
				ID    string `json:"message_id"`
				Thing string `json:"thing"`
			}
			if err := json.Unmarshal([]byte(*m.Body), &body); err != nil || body.Thing != "a" || body.ID == "" {
				t.Errorf("sent %s", *m.Body)
			}
			names[body.ID] = true
		}
	}
	if !names["id-1"] || !names["m"] || len(names) != 3 {
		t.Errorf("the messages are called %v", names)
	}
	f.letter(message)
	f.letter(record(t, "a", "id-1", "x", "not_json", 0))
	if done, _, err := f.redrive(Redrive{}); err != nil || done.Sent != 2 {
		t.Errorf("%+v, %v", done, err)
	}
	f.has("a 1767323045678 id-1: x", "a 1767323045678 m: "+message)
}

// A payload that does not fit a letter is read from the pipeline's bucket, and from no other.
func TestLargePayloads(t *testing.T) {
	f := newFarm(t, false)
	must(f.S3().PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("dead-letter/1"),
		Body: strings.NewReader("large")}))(t)
	for i, at := range []string{"s3://" + bucket + "/dead-letter/1", "s3://others/1", "s3://" + bucket + "/none"} {
		f.letter(fmt.Sprintf(`{"source":"processor","thing":"a","topic":"farm/a/telemetry","reason":"r",
			"arrived_at":"2026-01-02T03:04:05.678Z","sequence_number":"%d","payload_s3":%q}`, i, at))
	}
	done, _, err := f.redrive(Redrive{})
	requireText(t, fmt.Sprint(err), "which is not in the pipeline's bucket", "NoSuchKey")
	f.has("a 1767323045678 0: large")
	if done.Sent != 1 || done.Left != 2 {
		t.Errorf("%+v", done)
	}
}

// Whatever request fails, before or after its effect, nothing is lost, and the processor never has a message twice.
func TestRedriveSurvivesEveryFault(t *testing.T) {
	for _, queued := range []bool{false, true} {
		for _, kind := range []faultproxy.Kind{faultproxy.DropBefore, faultproxy.DropAfter} {
			t.Run(fmt.Sprintf("queue %v, %s", queued, kind), func(t *testing.T) { everyFault(t, queued, kind) })
		}
	}
}

func everyFault(t *testing.T, queued bool, kind faultproxy.Kind) {
	f := newFarm(t, queued)
	for n, met := 1, true; met; n++ {
		f.stored = map[string]string{}
		f.letter(record(t, "a", "1", "x", "not_json", 0))
		f.letter(record(t, "b", "2", "y", "not_json", 0))
		if !queued {
			f.batch("aws/lambda/m/s/1", "farm-processor", batchEvent)
		}
		f.proxy.Clear()
		fault := f.proxy.Inject(faultproxy.Fault{Kind: kind, Match: faultproxy.Nth(n), Times: 1})
		done, told, err := f.redrive(Redrive{})
		met = f.proxy.Hits(fault) > 0
		request := ""
		if met {
			request = f.proxy.Requests()[n-1].Name
		}
		f.proxy.Clear()
		// net/http itself repeats a GET, and nobody needs to hear that a letter is hidden a while longer.
		harmless := strings.HasPrefix(request, "GET ") || strings.HasPrefix(request, "ChangeMessageVisibility")
		if met && err == nil && !harmless {
			t.Errorf("%s failed without an error: %+v\n%s", request, done, told)
		}
		if !met && err != nil {
			t.Fatal(err)
		}
		// What is hidden because SQS did not hear that nobody works at it comes back by itself.
		f.Reveal(t, "farm-dead-letters")
		if _, _, err := f.redrive(Redrive{}); err != nil {
			t.Errorf("after %s failed: %v", request, err)
		}
		want := []string{"a 1767323045678 1", "b 1767323045678 2"}
		if !queued {
			want = append(want, "b 1767323045678 70")
		}
		for _, key := range want {
			payload := f.stored[key]
			if copies := strings.Split(strings.TrimSuffix(payload, "\n"), "\n"); payload == "" ||
				len(slices.Compact(copies)) != 1 {
				t.Errorf("after %s failed, the processor has %q of %s", request, payload, key)
			}
		}
		if len(f.stored) != len(want) || f.visible("farm-dead-letters") != "0" {
			t.Errorf("after %s failed: stored %v, %s letters", request, f.stored, f.visible("farm-dead-letters"))
		}
	}
}

func TestRedriveRefuses(t *testing.T) {
	for want, r := range map[string]Redrive{
		"the destinations are origin, stream, topic": {To: "moon"},
		"a topic is named":                           {Topic: "x"},
		"at most 10000 letters":                      {Max: 10_001},
		"the second is not later":                    {After: arrived, Before: arrived},
		"a reason or a thing is empty":               {Things: []string{""}},
		"wildcard":                                   {To: ToTopic, Topic: "a/#"},
	} {
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", r, err, want)
		}
	}
	if _, err := ParseTime("after", "yesterday"); err == nil {
		t.Error("yesterday is a time")
	}
}

func requireText(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s\nlacks %q", text, w)
		}
	}
}
