package endtoend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"

	"github.com/iot-pipeline/terraform-provider-iot/client"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/oidctest"
)

const apiPipeline = `
resource "iot_pipeline" "gh" {
  name      = "NAME"
  devices   = { "soil-001" = {}, "soil-002" = {}, "soil-003" = {} }
  processor = { batch_window_seconds = 0 }
  archive   = { enabled = false }
  alerts = {
    thresholds = { limit = 50 }
    rules      = { hot = { when = "data.temperature > threshold.limit" } }
  }
  api = {
    auth = "jwt"
    jwt = {
      issuer       = "ISSUER"
      audiences    = ["app"]
      read_scopes  = ["devices/read"]
      write_scopes = ["devices/write"]
    }
    cors_origins = ["https://app.example.com"]
  }
  force_destroy = true
}

resource "iot_pipeline" "other" {
  name          = "NAME-other"
  devices       = { "door-001" = {} }
  archive       = { enabled = false }
  force_destroy = true
}
`

// application is an HTTP client with a token.
type application struct {
	*client.ClientWithResponses
	url string
}

func (w *deployment) application(t *testing.T, token string) *application {
	t.Helper()
	a := &application{url: "http://" + w.runtime.HTTPAddr()}
	a.ClientWithResponses = must(client.NewClientWithResponses(a.url, client.WithRequestEditorFn(bearer(token))))(t)
	return a
}

// Everything that an application does over HTTP, with devices on mutual TLS.
func TestDeviceAPI(t *testing.T) {
	issuer := oidctest.Start(t)
	w := deploy(t, strings.NewReplacer("NAME", name, "ISSUER", issuer.URL).Replace(apiPipeline),
		func(o *local.Options) { o.HTTPAddr, o.Issuers = "127.0.0.1:0", issuer.Roots() })
	api := w.application(t, issuer.Token(t, map[string]any{"scope": "devices/read devices/write"}))
	one, two := w.connect(t, "soil-001"), w.connect(t, "soil-002")
	t.Run("commands", func(t *testing.T) { answeredCommands(t, w, api, one, two) })
	t.Run("configuration", func(t *testing.T) { configuration(t, api, one) })
	t.Run("thresholds", func(t *testing.T) { changedThresholds(t, w, api, one, two) })
	t.Run("tokens", func(t *testing.T) { tokens(t, api, issuer) })
	t.Run("other pipelines", func(t *testing.T) { otherPipelines(t, api) })
	t.Run("summary", func(t *testing.T) { summary(t, w, api, one) })
}

// A command reaches the device that it is for and no other. Its answer shows up; nobody else's does.
func answeredCommands(t *testing.T, w *deployment, api *application, one, two *device) {
	w.takeLetters(t)
	sent := must(api.SendCommandWithResponse(t.Context(), "soil-001", &client.SendCommandParams{},
		client.SendCommandJSONRequestBody{"action": "irrigate"}))(t)
	if sent.JSON202 == nil {
		t.Fatalf("got %d %s", sent.StatusCode(), sent.Body)
	}
	id := sent.JSON202.ID
	var got map[string]string
	if err := json.Unmarshal([]byte(one.command(t)), &got); err != nil || got["command_id"] != id ||
		got["action"] != "irrigate" {
		t.Fatalf("the device got %v, %v", got, err)
	}
	status := func() client.Command {
		t.Helper()
		w.drain(t)
		answer := must(api.GetCommandWithResponse(t.Context(), "soil-001", uuid.MustParse(id)))(t)
		if answer.JSON200 == nil {
			t.Fatalf("got %d %s", answer.StatusCode(), answer.Body)
		}
		return *answer.JSON200
	}
	if c := status(); c.Status != "sent" || c.RequestedBy == nil || *c.RequestedBy != "u-1" {
		t.Errorf("before an answer: %+v", c)
	}
	result := func(d *device) string { return d.Topics.Commands + "/" + id + "/result" }
	two.publish(t, result(two), `{"status":"failed"}`) // of a command that it was not sent
	one.publish(t, result(one), `{"status":"received"}`)
	if c := status(); c.Status != "received" {
		t.Errorf("received: %+v", c)
	}
	one.publish(t, "$aws/rules/"+strings.ReplaceAll(name, "-", "_")+"_command_results/"+result(one),
		`{"status":"succeeded","result":{"litres":4.2}}`)
	if c := status(); c.Status != "succeeded" || fmt.Sprint(c.Answer) != "map[result:map[litres:4.2] status:succeeded]" {
		t.Errorf("succeeded, by Basic Ingest: %+v", c)
	}
	letters := w.takeLetters(t)
	if len(letters) != 1 || !strings.Contains(letters[0], `"unknown_command"`) ||
		!strings.Contains(letters[0], `"soil-002"`) {
		t.Errorf("dead letters %v, want the answer of soil-002", letters)
	}
	if len(one.commands)+len(two.commands) > 0 {
		t.Error("a device got a command that is not for it, or twice")
	}
	list := must(api.ListCommandsWithResponse(t.Context(), "soil-001", &client.ListCommandsParams{}))(t)
	if list.JSON200 == nil || len(list.JSON200.Commands) != 1 || list.JSON200.Commands[0].ID != id {
		t.Errorf("the list: %s", list.Body)
	}
	three := w.connect(t, "soil-003")
	three.Publish(result(one), 1, false, `{"status":"failed"}`)
	w.await(t, 1, refused("soil-003", "Publish"))
}

// What an application wants arrives as a delta; when the device reports it, the difference is gone.
func configuration(t *testing.T, api *application, d *device) {
	const shadow = "$aws/things/soil-001/shadow/name/config/"
	deltas, accepted := make(chan string, 10), make(chan string, 10)
	d.listen(t, shadow+"update/delta", deltas)
	d.listen(t, shadow+"update/accepted", accepted)
	put := must(api.PutConfigWithResponse(t.Context(), "soil-001", &client.PutConfigParams{},
		client.PutConfigJSONRequestBody{"interval": 60}))(t)
	if put.JSON200 == nil || fmt.Sprint(put.JSON200.Difference) != "map[interval:60]" {
		t.Fatalf("got %d %s", put.StatusCode(), put.Body)
	}
	if delta := next(t, deltas); !strings.Contains(delta, `"state":{"interval":60}`) {
		t.Errorf("delta %s", delta)
	}
	next(t, accepted) // the application's change
	d.publish(t, shadow+"update", `{"state":{"reported":{"interval":60}}}`)
	next(t, accepted)
	got := must(api.GetConfigWithResponse(t.Context(), "soil-001"))(t)
	if got.JSON200 == nil || len(got.JSON200.Difference) != 0 ||
		fmt.Sprint(got.JSON200.Reported) != "map[interval:60]" {
		t.Errorf("after the report: %s", got.Body)
	}
}

// listen subscribes to a topic.
func (d *device) listen(t *testing.T, topic string, to chan string) {
	t.Helper()
	token := d.Subscribe(topic, 1, func(_ paho.Client, m paho.Message) { to <- string(m.Payload()) })
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("subscribing to %s: %v", topic, token.Error())
	}
}

func next(t *testing.T, from chan string) string {
	t.Helper()
	select {
	case text := <-from:
		return text
	case <-time.After(patience):
		t.Fatal("no message arrived")
		return ""
	}
}

// A threshold that is changed over HTTP decides the next alert, without an apply; a device's own overrides it.
func changedThresholds(t *testing.T, w *deployment, api *application, one, two *device) {
	all := must(api.PutThresholdsWithBodyWithResponse(t.Context(), &client.PutThresholdsParams{}, "application/json",
		strings.NewReader(`{"limit":30}`)))(t)
	own := must(api.PutDeviceThresholdsWithBodyWithResponse(t.Context(), "soil-002", &client.PutDeviceThresholdsParams{},
		"application/json", strings.NewReader(`{"limit":60}`)))(t)
	if all.StatusCode() != 200 || own.StatusCode() != 200 {
		t.Fatalf("got %s and %s", all.Body, own.Body)
	}
	two.send(t, `{"data":{"temperature":40}}`)
	one.send(t, `{"data":{"temperature":40}}`)
	w.drain(t)
	topic := "arn:aws:sns:" + mototest.Region + ":" + mototest.AccountID + ":" + name + "-alerts"
	if n := w.server.Notifications(t, topic); len(n) != 1 || !strings.Contains(n[0].Message, "soil-001") {
		t.Errorf("notifications: %+v, want one about soil-001", n)
	}
	alerts := must(api.ListAlertsWithResponse(t.Context(), &client.ListAlertsParams{}))(t)
	if alerts.JSON200 == nil || len(alerts.JSON200.Alerts) != 1 || alerts.JSON200.Alerts[0].Device != "soil-001" {
		t.Errorf("alerts: %s", alerts.Body)
	}
}

// ask sends a request with a header Authorization, if it is not empty.
func (a *application) ask(t *testing.T, method, path, authorization string) (status int, problem client.Problem) {
	t.Helper()
	r := must(http.NewRequestWithContext(t.Context(), method, a.url+path, strings.NewReader("{}")))(t)
	r.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	json.NewDecoder(response.Body).Decode(&problem)
	return response.StatusCode, problem
}

func tokens(t *testing.T, api *application, issuer *oidctest.Issuer) {
	const list, command = "/v1/devices", "/v1/devices/soil-001/commands"
	token := func(changes map[string]any) string { return "Bearer " + issuer.Token(t, changes) }
	stranger := oidctest.Start(t)
	for _, c := range []struct {
		why, method, path, authorization string
		status                           int
	}{
		{"may read", "GET", list, token(nil), 200},
		{"may only read", "POST", command, token(nil), 403},
		{"may only write", "GET", list, token(map[string]any{"scope": "devices/write"}), 403},
		{"may write", "POST", command, token(map[string]any{"scope": "devices/write"}), 202},
		{"no scope", "GET", list, token(map[string]any{"scope": nil}), 403},
		{"no token", "GET", list, "", 401},
		{"no token of ours", "GET", list, "Bearer " + stranger.Token(t, nil), 401},
		{"expired", "GET", list, token(map[string]any{"exp": time.Now().Unix() - 1}), 401},
		{"for another application", "GET", list, token(map[string]any{"aud": "other"}), 401},
		{"no route", "GET", "/v2/devices", token(nil), 404},
	} {
		if got, _ := api.ask(t, c.method, c.path, c.authorization); got != c.status {
			t.Errorf("%s: %d, want %d", c.why, got, c.status)
		}
	}
}

// A device of another pipeline is an unknown device.
func otherPipelines(t *testing.T, api *application) {
	for _, thing := range []string{"door-001", "nothing"} {
		got := must(api.GetDeviceWithResponse(t.Context(), thing))(t)
		if p := got.ApplicationProblemJSON404; p == nil || !strings.HasSuffix(p.Type, "#problem-unknown-device") {
			t.Errorf("%s: %d %s", thing, got.StatusCode(), got.Body)
		}
		sent := must(api.SendCommandWithResponse(t.Context(), thing, &client.SendCommandParams{},
			client.SendCommandJSONRequestBody{"action": "open"}))(t)
		if p := sent.ApplicationProblemJSON404; p == nil || !strings.HasSuffix(p.Type, "#problem-unknown-device") {
			t.Errorf("a command for %s: %d %s", thing, sent.StatusCode(), sent.Body)
		}
	}
}

// What the processor counts is in the local CloudWatch a moment later.
func summary(t *testing.T, w *deployment, api *application, d *device) {
	d.send(t, `{"data":{"temperature":1}}`)
	w.drain(t)
	var last []byte
	for end := time.Now().Add(patience); time.Now().Before(end); {
		got := must(api.GetSummaryWithResponse(t.Context()))(t)
		if got.JSON200 == nil {
			t.Fatalf("got %d %s", got.StatusCode(), got.Body)
		}
		if last = got.Body; got.JSON200.Messages > 0 {
			return
		}
	}
	t.Errorf("no messages in the last hour: %s", last)
}

// bearer adds a token to requests.
func bearer(token string) client.RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
}
