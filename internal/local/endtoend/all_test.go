package endtoend_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/client"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/simulate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// small is a pipeline with one device and an HTTP API.
func small(pipeline, device string) string {
	return fmt.Sprintf(`
resource "iot_pipeline" %q {
  name          = %q
  devices       = { %q = {} }
  processor     = { batch_window_seconds = 0 }
  archive       = { enabled = false }
  api           = {}
  force_destroy = true
}
`, pipeline, pipeline, device)
}

// take reads the credentials of a pipeline's devices.
func (w *deployment) take(t *testing.T, pipeline string) {
	t.Helper()
	manifest := must(local.ReadManifest(t.Context(), w.aws, pipeline))(t)
	bundles, _, err := simulate.Bundles(t.Context(), w.aws, manifest)
	if err != nil || len(bundles) == 0 {
		t.Fatalf("pipeline %s has %d devices, error %v", pipeline, len(bundles), err)
	}
	for _, b := range bundles {
		w.devices[b.Thing] = b
	}
}

// temperature is what the pipeline's device table says of a device; "" if it has no entry.
func (w *deployment) temperature(t *testing.T, pipeline, thing string) string {
	t.Helper()
	item := must(w.aws.DynamoDB().GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &pipeline,
		Key: map[string]ddbtypes.AttributeValue{"device_id": &ddbtypes.AttributeValueMemberS{Value: thing}}}))(t).Item
	latest, _ := item["latest"].(*ddbtypes.AttributeValueMemberM)
	if latest == nil {
		return ""
	}
	value, _ := latest.Value["temperature"].(*ddbtypes.AttributeValueMemberN)
	if value == nil {
		return ""
	}
	return value.Value
}

// listed are the devices that the API of a pipeline lists; the status instead, if it is not 200.
func (w *deployment) listed(t *testing.T, pipeline string) string {
	t.Helper()
	url := "http://" + w.runtime.HTTPAddr() + "/" + pipeline
	api := must(client.NewClientWithResponses(url))(t)
	answer := must(api.ListDevicesWithResponse(t.Context(), &client.ListDevicesParams{}))(t)
	if answer.JSON200 == nil {
		return answer.Status()
	}
	var names []string
	for _, d := range answer.JSON200.Devices {
		names = append(names, d.Device)
	}
	return strings.Join(names, ",")
}

// All pipelines of an account have one broker, and stay apart. Pipelines that come and go are followed.
func TestAllPipelines(t *testing.T) {
	all := func(o *local.Options) { o.All, o.Pipeline, o.HTTPAddr = true, "", "127.0.0.1:0" }
	other, third := name+"-other", name+"-third"
	w := deploy(t, small(name, "soil-001")+small(other, "door-001"), all)
	w.take(t, other)
	soil, door := w.connect(t, "soil-001"), w.connect(t, "door-001")
	soil.send(t, `{"temperature":21}`)
	door.send(t, `{"temperature":22}`)
	w.drain(t)
	for _, c := range []struct{ pipeline, thing, want string }{
		{name, "soil-001", "21"}, {other, "door-001", "22"}, {name, "door-001", ""}, {other, "soil-001", ""},
	} {
		if got := w.temperature(t, c.pipeline, c.thing); got != c.want {
			t.Errorf("%s knows temperature %q of %s, want %q", c.pipeline, got, c.thing, c.want)
		}
	}
	for pipeline, want := range map[string]string{name: "soil-001", other: "door-001", "v1": "404 Not Found"} {
		if got := w.listed(t, pipeline); got != want {
			t.Errorf("the API of %s lists %s, want %s", pipeline, got, want)
		}
	}
	soil.Publish(door.Topics.Telemetry, 1, false, "{}")
	w.await(t, 1, refused("soil-001", "Publish"))

	w.Write("main.tf", tftest.Header+"provider \"iot\" {\n  s3_use_path_style = true\n}\n\n"+
		small(name, "soil-001")+small(third, "gate-001"))
	w.Apply()
	w.await(t, 1, func(e runlog.Event) bool {
		return e.Action == other+"-processor" && e.Detail == "function removed"
	})
	w.await(t, 1, func(e runlog.Event) bool {
		return e.Action == third+"-processor" && strings.HasPrefix(e.Detail, "reads ")
	})
	w.take(t, third)
	gate := w.connect(t, "gate-001")
	w.await(t, 1, func(e runlog.Event) bool {
		return e.Kind == runlog.Changed && strings.HasSuffix(e.Rule, "third_telemetry")
	})
	gate.send(t, `{"temperature":23}`)
	w.drain(t)
	if got := w.temperature(t, third, "gate-001"); got != "23" {
		t.Errorf("temperature %q of a pipeline that came later, want 23", got)
	}
	for pipeline, want := range map[string]string{third: "gate-001", other: "404 Not Found"} {
		w.awaitListed(t, pipeline, want)
	}
}

// awaitListed waits until the API of a pipeline lists these devices.
func (w *deployment) awaitListed(t *testing.T, pipeline, want string) {
	t.Helper()
	timeout := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		got := w.listed(t, pipeline)
		if got == want {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("the API of %s lists %s, want %s", pipeline, got, want)
		}
	}
}

// Without a pipeline, the runtime waits for one: iot-local run --all before the first apply.
func TestAllPipelinesOfNone(t *testing.T) {
	server := mototest.Start(t)
	w := &deployment{told: make(chan struct{}, 1)}
	o := local.Options{Config: server.Config(t), All: true, MQTTAddr: "127.0.0.1:0", StateDir: t.TempDir(),
		Events: w.note}
	runtime := must(local.Start(t.Context(), o))(t)
	w.await(t, 1, func(e runlog.Event) bool {
		return e.Kind == runlog.Ready && strings.Contains(e.Detail, "waiting for the first apply")
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := runtime.Stop(ctx); err != nil {
		t.Error(err)
	}
	o.Pipeline = "gh"
	if _, err := local.Start(t.Context(), o); err == nil {
		t.Error("both one and all were accepted")
	}
}
