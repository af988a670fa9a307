package endtoend_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// pipeline is the configuration of the tests: three devices, everything on.
const pipeline = `
variable "word" {
  default = "one"
}

variable "second" {
  default = true
}

resource "iot_pipeline" "gh" {
  name = "NAME"
  devices = {
    "soil-001" = {}
    "soil-002" = { enabled = var.second }
    "soil-003" = {}
  }
  timestream = {}
  recent     = {}
  processor  = { batch_window_seconds = 0 }
  alerts = {
    rules = {
      hot = {
        when     = "data.temperature > 50"
        severity = "critical"
        message  = "Too hot: $${data.temperature}"
        command  = jsonencode({ action = "enter_safe_mode", why = "$${data.note}" })
      }
    }
  }
  routes = {
    echo = {
      sql       = "SELECT '${var.word}' AS word FROM 'NAME/+/status'"
      republish = { topic = "NAME/$${topic(2)}/commands", qos = 1 }
    }
  }
  force_destroy = true
}
`

func TestPipeline(t *testing.T) {
	w := deploy(t, strings.ReplaceAll(pipeline, "NAME", name))
	one, two := w.connect(t, "soil-001"), w.connect(t, "soil-002")
	t.Run("recent readings", func(t *testing.T) { recentReadings(t, w, two) })
	t.Run("every payload shape", func(t *testing.T) { everyShape(t, w, one) })
	t.Run("alerts", func(t *testing.T) { alerts(t, w, one, two) })
	t.Run("what cannot be handled", func(t *testing.T) { badMessages(t, w, one) })
	t.Run("throttled stores", func(t *testing.T) { throttled(t, w, one) })
	t.Run("a changed rule", func(t *testing.T) { changedRule(t, w, one) })
	t.Run("isolation", func(t *testing.T) { isolation(t, w) })
}

func everyShape(t *testing.T, w *deployment, d *device) {
	const at = 1767225600000 // 2026-01-01T00:00:00Z in milliseconds
	sent := []string{
		fmt.Sprintf(`{"deviceId":"liar","timestamp":%d,"data":{"temperature":21.5,"open":true,"mode":"auto"}}`, at),
		fmt.Sprintf(`{"name":"bay","humidity":29,"timeStampEpoch":%d,"timeStampIso":"2030-01-01T00:00:00Z"}`, at+1000),
		fmt.Sprintf(`{"timestamp":%d,"data":{"temperature":1}}`, (at+2000)/1000),
		`{"timestamp":"2026-01-01T00:00:03.5Z","data":{"temperature":2}}`,
		`{"temp":21.5,"humidity":40,"battery":3}`,
	}
	before := time.Now()
	for _, payload := range sent {
		d.send(t, payload)
	}
	w.drain(t)

	got := w.stored(t, "soil-001")
	for when, want := range map[int64]string{
		at:        "map[mode:auto VARCHAR open:true BOOLEAN temperature:21.5 DOUBLE]",
		at + 1000: "map[humidity:29 DOUBLE name:bay VARCHAR]",
		at + 2000: "map[temperature:1 DOUBLE]",
		at + 3500: "map[temperature:2 DOUBLE]",
	} {
		if values := fmt.Sprint(got[fmt.Sprint(when)]); values != want {
			t.Errorf("stored at %d: %s, want %s", when, values, want)
		}
		delete(got, fmt.Sprint(when))
	}
	for when, values := range got { // the message without a time has that of its arrival
		var ms int64
		if _, err := fmt.Sscan(when, &ms); err != nil || ms < before.UnixMilli()-1 || ms > time.Now().UnixMilli() {
			t.Errorf("a record at %s", when)
		}
		if fmt.Sprint(values) != "map[battery:3 DOUBLE humidity:40 DOUBLE temp:21.5 DOUBLE]" {
			t.Errorf("stored without a time: %v", values)
		}
	}
	if len(got) != 1 {
		t.Errorf("%d more records than messages with a time, want 1", len(got))
	}
	state := must(
		w.aws.DynamoDB().GetItem(t.Context(), &dynamodb.GetItemInput{
			TableName: aws.String(name),
			Key: map[string]ddbtypes.AttributeValue{
				"device_id": &ddbtypes.AttributeValueMemberS{Value: "soil-001"},
			},
		}),
	)(t).Item
	if latest, ok := state["latest"].(*ddbtypes.AttributeValueMemberM); !ok || len(latest.Value) == 0 {
		t.Errorf("device state: %v", state)
	}
	archived := w.archived(t, "soil-001")
	for _, payload := range sent {
		if archived[payload] != 1 {
			t.Errorf("archived %d times: %s", archived[payload], payload)
		}
	}
	for payload := range archived {
		if !slices.Contains(sent, payload) && !strings.Contains(payload, `"status"`) {
			t.Errorf("archived and not sent: %s", payload)
		}
	}
}

// alerts: one notification and one command per cooldown, the command to the device that it is about and to no other.
// The device cannot change what the command says.
func alerts(t *testing.T, w *deployment, hot, other *device) {
	topic := "arn:aws:sns:" + mototest.Region + ":" + mototest.AccountID + ":" + name + "-alerts"
	for range 3 {
		hot.send(t, `{"data":{"temperature":60,"note":"x\",\"action\":\"open_door"}}`)
	}
	if c := hot.command(t); c != `{"action":"enter_safe_mode","why":"x\",\"action\":\"open_door"}` {
		t.Errorf("command %s", c)
	}
	w.drain(t)
	if n := w.server.Notifications(t, topic); len(n) != 1 || !strings.Contains(n[0].Message, "Too hot: 60") ||
		!strings.Contains(n[0].Message, "soil-001") {
		t.Errorf("notifications: %+v, want one", n)
	}
	other.send(t, `{"data":{"temperature":70}}`)
	other.command(t)
	w.drain(t)
	if n := w.server.Notifications(t, topic); len(n) != 2 {
		t.Errorf("%d notifications after another device's alert, want 2", len(n))
	}
	if len(hot.commands)+len(other.commands) > 0 {
		t.Error("a device got a command that is not for it, or twice")
	}
}

// badMessages end in a dead letter with the reason, and the stream goes on.
func badMessages(t *testing.T, w *deployment, d *device) {
	w.takeLetters(t)
	wide := map[string]any{}
	for i := range 300 {
		wide[fmt.Sprintf("measure_%03d", i)] = i
	}
	tooMany := string(must(json.Marshal(map[string]any{"data": wide}))(t))
	bad := []string{
		"no json",
		"\x00\x01\xff",
		`{"data":`,
		tooMany,
		`{"data":{"text":"` + strings.Repeat("x", 100_000) + `"}}`,
	}
	for _, payload := range bad {
		d.send(t, payload)
	}
	d.send(t, `{"timestamp":1767225700000,"data":{"temperature":7}}`)
	w.drain(t)
	letters := w.takeLetters(t)
	if len(letters) != len(bad) {
		t.Errorf("%d dead letters, want %d: %.300s", len(letters), len(bad), strings.Join(letters, "\n"))
	}
	for _, l := range letters {
		var letter struct{ Pipeline, Source, Thing, Reason string }
		if err := json.Unmarshal([]byte(l), &letter); err != nil || letter.Pipeline != name ||
			letter.Source != "processor" ||
			letter.Thing != "soil-001" ||
			letter.Reason == "" {
			t.Errorf("dead letter %.300s: %v", l, err)
		}
	}
	if got := w.stored(t, "soil-001")["1767225700000"]; fmt.Sprint(got) != "map[temperature:7 DOUBLE]" {
		t.Errorf("the message after the bad ones: %v", got)
	}
}

// throttled stores catch up without a loss.
func throttled(t *testing.T, w *deployment, d *device) {
	w.takeLetters(t)
	for _, f := range []mototest.Fault{
		{Service: "kinesis", Operation: "PutRecords", Code: "ProvisionedThroughputExceededException",
			Message: "slow down", Times: 4},
		{Service: "timestream-write", Operation: "WriteRecords", Code: "ThrottlingException", Message: "Rate exceeded",
			Times: 6},
		{Service: "dynamodb", Operation: "UpdateItem", Code: "ProvisionedThroughputExceededException",
			Message: "slow down", Times: 6},
		{Service: "dynamodb", Operation: "BatchWriteItem", Code: "ProvisionedThroughputExceededException",
			Message: "slow down", Times: 6},
		{Service: "s3", Operation: "PutObject", Code: "SlowDown", Message: "slow down", Times: 3},
	} {
		w.server.Fail(t, f)
	}
	const sent, first = 50, 1767226000000
	for i := range sent {
		d.send(t, fmt.Sprintf(`{"timestamp":%d,"data":{"n":%d}}`, first+i, i))
	}
	w.drain(t)
	got := w.stored(t, "soil-001")
	for i := range sent {
		if values := fmt.Sprint(got[fmt.Sprint(first+i)]); values != fmt.Sprintf("map[n:%d DOUBLE]", i) {
			t.Errorf("message %d: %s", i, values)
		}
	}
	if n := w.letters(t); n != 0 {
		t.Errorf("%d dead letters: %v", n, w.takeLetters(t))
	}
}

// changedRule takes effect after an apply, without a restart.
func changedRule(t *testing.T, w *deployment, d *device) {
	d.publish(t, d.Topics.Status, `{"state":"online"}`)
	if c := d.command(t); c != `{"word":"one"}` {
		t.Errorf("echo before the change: %s", c)
	}
	changed := func(e runlog.Event) bool { return e.Kind == runlog.Changed && strings.HasSuffix(e.Rule, "_echo") }
	before := w.count(changed)
	w.Apply("-var=word=two")
	w.await(t, before+1, changed)
	d.publish(t, d.Topics.Status, `{"state":"online"}`)
	if c := d.command(t); c != `{"word":"two"}` {
		t.Errorf("echo after the change: %s", c)
	}
}

// isolation: a device is itself and nobody else, and nobody once it is disabled.
func isolation(t *testing.T, w *deployment) {
	if _, err := w.try(t, "soil-003", "soil-001"); err == nil {
		t.Error("connected with another's client ID")
	}
	d := w.connect(t, "soil-003")
	other := strings.ReplaceAll(d.Topics.Commands, "soil-003", "soil-001")
	token := d.Subscribe(other, 1, nil).(*paho.SubscribeToken)
	if !token.WaitTimeout(patience) || token.Result()[other] < 0x80 {
		t.Error("subscribed to another's commands")
	}
	d.Publish(strings.ReplaceAll(d.Topics.Telemetry, "soil-003", "soil-001"), 1, false, "{}")
	w.await(t, 1, refused("soil-003", "Publish"))
	w.await(t, 1, func(e runlog.Event) bool { return e.Kind == runlog.Disconnected && e.Thing == "soil-003" })

	w.Apply("-var=word=two", "-var=second=false")
	if _, err := w.try(t, "soil-002", "soil-002"); err == nil {
		t.Error("connected after enabled = false was applied")
	}
	if w.count(
		func(e runlog.Event) bool { return e.Kind == runlog.Refused && strings.Contains(e.Detail, "INACTIVE") },
	) == 0 {
		t.Error("the refusal of a disabled device was not told")
	}
}
