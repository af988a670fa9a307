package endtoend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/fxamacker/cbor/v2"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/simulate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// cborPipeline reads CBOR everywhere: in the processor, and in the conditions of alerts.
const cborPipeline = `
resource "iot_pipeline" "gh" {
  name       = "NAME"
  devices    = { "soil-001" = {} }
  telemetry  = { format = "cbor" }
  timestream = {}
  archive    = { delivery = "per_message" }
  processor  = { batch_window_seconds = 0 }
  alerts = {
    rules = {
      hot = {
        when     = "data.temperature > 50"
        severity = "critical"
        message  = "Too hot: $${data.temperature}"
        command  = jsonencode({ action = "enter_safe_mode" })
      }
    }
  }
  force_destroy = true
}
`

func TestCBOR(t *testing.T) {
	w := deploy(t, strings.ReplaceAll(cborPipeline, "NAME", name))
	d := w.connect(t, "soil-001")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	good := must(cbor.Marshal(map[string]any{"timestamp": at.UnixMilli(),
		"data": map[string]any{"temperature": 60.25, "open": true, "mode": "auto"}}))(t)
	broken := []string{string(good[:len(good)/2]), `{"data":{"temperature":1}}`, "\xff\x00"}
	for _, payload := range broken {
		d.send(t, payload)
	}
	d.send(t, string(good))
	w.drain(t)

	const want = "map[mode:auto VARCHAR open:true BOOLEAN temperature:60.25 DOUBLE]"
	stored := w.stored(t, "soil-001")
	if got := fmt.Sprint(stored[fmt.Sprint(at.UnixMilli())]); got != want || len(stored) != 1 {
		t.Errorf("stored %v, want %s", stored, want)
	}
	if latest := w.latest(t, "soil-001"); fmt.Sprint(latest) != "map[mode:auto open:true temperature:60.25]" {
		t.Errorf("row of the device: %v", latest)
	}
	if c := d.command(t); c != `{"action":"enter_safe_mode"}` {
		t.Errorf("command %s", c)
	}
	checkLetters(t, w.takeLetters(t), broken)
	checkArchive(t, w, append(broken, string(good)))
}

// latest is a device's latest measures in the device table, as text.
func (w *deployment) latest(t *testing.T, thing string) map[string]string {
	t.Helper()
	item := must(w.aws.DynamoDB().GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(name),
		Key: map[string]ddbtypes.AttributeValue{"device_id": &ddbtypes.AttributeValueMemberS{Value: thing}}}))(t).Item
	latest, _ := item["latest"].(*ddbtypes.AttributeValueMemberM)
	values := map[string]string{}
	if latest == nil {
		return values
	}
	for name, value := range latest.Value {
		switch v := value.(type) {
		case *ddbtypes.AttributeValueMemberN:
			values[name] = v.Value
		case *ddbtypes.AttributeValueMemberBOOL:
			values[name] = fmt.Sprint(v.Value)
		case *ddbtypes.AttributeValueMemberS:
			values[name] = v.Value
		}
	}
	return values
}

// checkLetters compares dead letters of the processor with the payloads that cannot be read. The function alerts cannot
// read them either, and says so in a letter of its own.
func checkLetters(t *testing.T, letters, broken []string) {
	t.Helper()
	lost := map[string]bool{}
	for _, text := range letters {
		var letter struct {
			Source, Thing, Reason string
			Payload               []byte `json:"payload_base64"`
		}
		if err := json.Unmarshal([]byte(text), &letter); err != nil {
			t.Fatalf("dead letter %s: %v", text, err)
		}
		if letter.Source != "processor" {
			continue
		}
		if letter.Thing != "soil-001" || letter.Reason != "not_cbor" {
			t.Errorf("dead letter %s", text)
		}
		lost[string(letter.Payload)] = true
	}
	for _, payload := range broken {
		if !lost[payload] {
			t.Errorf("no dead letter has the payload %q: %s", payload, letters)
		}
	}
	if len(lost) != len(broken) {
		t.Errorf("%d dead letters, want %d: %s", len(lost), len(broken), letters)
	}
}

// checkArchive: the archive has the bytes that the device sent.
func checkArchive(t *testing.T, w *deployment, payloads []string) {
	t.Helper()
	bucket := name + "-" + mototest.AccountID + "-" + mototest.Region
	missing := map[string]bool{}
	for _, p := range payloads {
		missing[p] = true
	}
	for _, o := range must(w.aws.S3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket,
		Prefix: aws.String("telemetry/")}))(t).Contents {
		body := must(w.aws.S3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: o.Key}))(t).Body
		content := must(io.ReadAll(body))(t)
		if !missing[string(content)] {
			t.Errorf("archived %q", content)
		}
		delete(missing, string(content))
	}
	if len(missing) > 0 {
		t.Errorf("not archived: %q", slices.Collect(maps.Keys(missing)))
	}
}

// anyFormat is a pipeline with a device named after each format.
const anyFormat = `
variable "telemetry" {
  type    = map(string)
  default = {}
}

resource "iot_pipeline" "gh" {
  name    = "NAME"
  devices = { for format in split(" ", "FORMATS") : format => {} }
  telemetry = {
    format      = lookup(var.telemetry, "format", null)
    compression = lookup(var.telemetry, "compression", null)
    protobuf = lookup(var.telemetry, "message", null) == null ? null : {
      descriptor_file = "fleet.desc"
      message         = var.telemetry["message"]
    }
  }
  timestream    = {}
  archive       = { enabled = false }
  processor     = { batch_window_seconds = 0 }
  force_destroy = true
}
`

// TestSimulatedFormats: with the settings that fit, all that simulated devices publish in any format is stored.
func TestSimulatedFormats(t *testing.T) {
	formats := strings.Join(simulate.Formats(), " ")
	w := deploy(t, strings.NewReplacer("NAME", name, "FORMATS", formats).Replace(anyFormat))
	w.Write("fleet.desc", descriptorSet(t))
	for _, settings := range []struct {
		variable string // "": as deployed
		fit      []simulate.Encoding
	}{
		{"", []simulate.Encoding{{Format: "json"}, {Format: "flat"}, {Format: "readings"}, {Format: "array"},
			{Format: "pairs"}, {Format: "senml"}}},
		{`telemetry={"format":"senml"}`, []simulate.Encoding{{Format: "senml-cbor"}}},
		{`telemetry={"format":"cbor"}`, []simulate.Encoding{{Format: "cbor"}}},
		{`telemetry={"format":"msgpack","compression":"gzip"}`,
			[]simulate.Encoding{{Format: "msgpack", Compression: "gzip"}}},
		{`telemetry={"format":"protobuf","message":"fleet.Reading","compression":"gzip"}`,
			[]simulate.Encoding{{Format: "protobuf", Compression: "gzip"}}},
		{`telemetry={"format":"sparkplug"}`, []simulate.Encoding{{Format: "sparkplug"}}},
	} {
		if settings.variable != "" {
			w.changeProcessor(t, "-var="+settings.variable)
		}
		for _, e := range settings.fit {
			t.Run(e.String(), func(t *testing.T) { simulated(t, w, e) })
		}
	}
}

// descriptorSet describes a message with what the devices measure.
func descriptorSet(t *testing.T) string {
	t.Helper()
	file := &descriptorpb.FileDescriptorProto{}
	text := `name: "fleet.proto" package: "fleet" syntax: "proto3" message_type { name: "Reading"
		field { name: "ts" number: 1 label: LABEL_OPTIONAL type: TYPE_UINT64 }`
	for i, name := range []string{"temperature", "humidity", "soil_moisture", "battery"} {
		text += fmt.Sprintf("field { name: %q number: %d label: LABEL_OPTIONAL type: TYPE_DOUBLE }", name, i+2)
	}
	if err := prototext.Unmarshal([]byte(text+"}"), file); err != nil {
		t.Fatal(err)
	}
	return string(must(proto.Marshal(&descriptorpb.FileDescriptorSet{
		File: []*descriptorpb.FileDescriptorProto{file}}))(t))
}

// changeProcessor applies, and waits until the runtime has the changed function.
func (w *deployment) changeProcessor(t *testing.T, arguments ...string) {
	t.Helper()
	changed := func(e runlog.Event) bool { return e.Kind == runlog.Changed && e.Action == name+"-processor" }
	before := w.count(changed)
	w.Apply(arguments...)
	w.await(t, before+1, changed)
}

// simulated lets the device that is named after the format publish some messages. Their measures are stored, as many
// times as the device measured.
func simulated(t *testing.T, w *deployment, e simulate.Encoding) {
	manifest := must(local.ReadManifest(t.Context(), w.aws, name))(t)
	e = must(e.For(manifest.Telemetry))(t)
	if misfit := e.Misfit(*manifest.Telemetry); misfit != "" {
		t.Error(misfit)
	}
	const enough = 5
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	var published atomic.Int32
	stopAfterEnough := func(e runlog.Event) {
		if e.Action == "publish" && e.Error == "" && published.Add(1) == enough {
			stop()
		}
	}
	bundle := w.devices[e.Format]
	if err := simulate.Run(ctx, simulate.Options{Devices: []contract.Bundle{bundle}, Broker: w.runtime.MQTTAddr(),
		Roots: w.runtime.Authority().Pool(), Interval: 50 * time.Millisecond, Encoding: e,
		Events: stopAfterEnough}); err != nil {
		t.Fatal(err)
	}
	w.drain(t)
	measured := w.count(func(e runlog.Event) bool {
		return e.Kind == runlog.Received && e.Topic == bundle.Topics.Telemetry
	})
	if slices.Contains([]string{"readings", "array", "senml", "senml-cbor", "sparkplug"}, e.Format) {
		measured *= 3
	}
	stored := w.stored(t, bundle.Thing)
	if len(stored) != measured || measured < enough {
		t.Errorf("%d readings are stored, want %d", len(stored), measured)
	}
	for at, measures := range stored {
		if len(measures) != 4 || !strings.HasSuffix(measures["soil_moisture"], " DOUBLE") {
			t.Errorf("stored at %s: %v", at, measures)
		}
	}
	if latest := w.latest(t, bundle.Thing); len(latest) != 4 {
		t.Errorf("row of the device: %v", latest)
	}
	if letters := w.takeLetters(t); len(letters) > 0 {
		t.Errorf("dead letters %s", letters)
	}
}
