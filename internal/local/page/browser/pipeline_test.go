package browser_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/page"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/simulate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

const name = "gh-page"

const pipeline = `
resource "iot_pipeline" "gh" {
  name = "gh-page"
  devices = {
    "soil-001" = { attributes = { bay = "1" } }
    "soil-002" = {}
    "soil-003" = {}
  }
  recent    = {}
  processor = { batch_window_seconds = 0 }
  api       = {}
  alerts = {
    rules = {
      hot = { when = "data.temperature > 50", severity = "critical", message = "Too hot: $${data.temperature}" }
      dry = { when = "data.humidity < 35" }
    }
  }
  force_destroy = true
}
`

// deployment is an applied pipeline that runs, with its page.
type deployment struct {
	server   *mototest.Server
	state    string
	fleet    string // an endpoint whose registry has 10,000 devices
	endpoint string // "": server's
	runtime  *local.Runtime
	feed     *page.Feed
	page     *page.Server
	devices  map[string]contract.Bundle
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func deploy(t *testing.T) *deployment {
	t.Helper()
	server := mototest.Start(t)
	project := tftest.New(t, server.Env()...)
	project.Write("main.tf", tftest.Header+"provider \"iot\" {\n  s3_use_path_style = true\n}\n"+pipeline)
	project.Apply()
	w := &deployment{server: server, state: t.TempDir(), devices: map[string]contract.Bundle{},
		fleet: inFront(t, server.URL)}
	w.start(t, "127.0.0.1:0")
	t.Cleanup(func() { w.stop(t) })
	manifest := must(w.runtime.Manifest(t.Context()))(t)
	bundles, _, err := simulate.Bundles(t.Context(), awsapi.NewLocal(server.Config(t)), manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bundles {
		w.devices[b.Thing] = b
	}
	return w
}

// start runs the pipeline, with its page on the address.
func (w *deployment) start(t *testing.T, address string) {
	t.Helper()
	w.feed = page.NewFeed()
	config := w.server.Config(t)
	if w.endpoint != "" {
		config.BaseEndpoint = &w.endpoint
	}
	o := local.Options{Config: config, Pipeline: name, MQTTAddr: "127.0.0.1:0", StateDir: w.state,
		HTTPAddr: "127.0.0.1:0", ArchiveInterval: time.Second, Events: w.feed.Note, Calls: w.feed.Call, Refresh: 200 * time.Millisecond, RetryDelay: 50 * time.Millisecond}
	w.runtime = must(local.Start(t.Context(), o))(t)
	w.page = must(page.Start(t.Context(),
		page.Options{Address: address, Runtime: w.runtime, Feed: w.feed, Pipeline: name}))(t)
}

func (w *deployment) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.runtime.Stop(ctx); err != nil {
		t.Error(err)
	}
	w.page.Close()
}

// drain returns when everything that was published has been processed.
func (w *deployment) drain(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.runtime.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

// connect connects a device with its certificate.
func (w *deployment) connect(t *testing.T, thing string) paho.Client {
	t.Helper()
	b := w.devices[thing]
	pair := must(tls.X509KeyPair([]byte(b.CertificatePEM), []byte(b.PrivateKey)))(t)
	c := paho.NewClient(paho.NewClientOptions().AddBroker("ssl://" + w.runtime.MQTTAddr()).SetClientID(thing).
		SetAutoReconnect(false).SetConnectTimeout(patience).
		SetTLSConfig(&tls.Config{RootCAs: w.runtime.Authority().Pool(), Certificates: []tls.Certificate{pair}}))
	done(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func done(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatal(token.Error())
	}
}

// send publishes telemetry.
func (w *deployment) send(t *testing.T, c paho.Client, thing, payload string) {
	t.Helper()
	done(t, c.Publish(w.devices[thing].Topics.Telemetry, 1, false, payload))
}

// evil is what a device would send to run a script in the page.
const evil = `<script>document.title='broken'</script><img src=x onerror="document.title='broken'">`

func TestPage(t *testing.T) {
	w := deploy(t)
	b := open(t, w.page.URL())
	one := w.connect(t, "soil-001")
	for _, part := range []struct {
		name string
		test func(*testing.T, *deployment, *browser, paho.Client)
	}{
		{"flow", flow}, {"devices", devices}, {"rules", rules}, {"alerts", alerts}, {"dead letters", letters},
		{"logs", logs}, {"archive", archive}, {"simulator", simulator}, {"device", device},
		{"keyboard", keyboard}, {"accessibility", accessibility}, {"phone", phone}, {"restart", restart},
		{"10,000 devices", largeFleet},
	} {
		t.Run(part.name, func(t *testing.T) {
			part.test(t, w, b, one)
			// What a restart of iot-local breaks is the browser's to complain of.
			if c := b.complaints("ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_REFUSED"); len(c) > 0 {
				t.Errorf("the browser complains: %s", strings.Join(c, "\n"))
			}
		})
	}
}

func flow(t *testing.T, w *deployment, b *browser, d paho.Client) {
	w.send(t, d, "soil-001", `{"data":{"temperature":21.5,"humidity":60}}`)
	w.send(t, d, "soil-001", fmt.Sprintf(`{"data":{"temperature":22.5},"note":%q}`, evil))
	w.drain(t)
	b.says(t, `[data-edge="broker>rule:gh_page_telemetry"]`, "2")
	b.says(t, `[data-edge="rule:gh_page_telemetry>stream:gh-page"]`, "2")
	b.says(t, `[data-edge="stream:gh-page>function:gh-page-processor"]`, "2")
	b.says(t, `[data-edge="function:gh-page-processor>store:dynamodb:gh-page-readings"]`, "2")
	b.press(t, `[data-edge="stream:gh-page>function:gh-page-processor"]`, "")
	b.says(t, "#edge", "Stream gh-page → Function gh-page-processor")
	b.press(t, `[data-edge="devices>broker"]`, "")
	b.says(t, ".panel td.content", evil[:20])
	b.press(t, ".panel a", "follow")
	b.says(t, "pre", evil[:40])
	b.says(t, "td", "Function gh-page-processor")
	b.says(t, "td", "DynamoDB gh-page-readings")
	if where := value[string](t, b, "location.href + document.title"); strings.Contains(where, "token") ||
		strings.Contains(where, "broken") {
		t.Errorf("the address and the title are %s", where)
	}
}

func devices(t *testing.T, _ *deployment, b *browser, _ paho.Client) {
	b.goTo(t, "#/devices")
	b.says(t, ".rows .row", "soil-003")
	b.await(t, `[...document.querySelectorAll(".rows .row")].find(e => e.textContent.startsWith("soil-001")).textContent.includes("online")`)
	b.await(t, `[...document.querySelectorAll(".rows .row")].find(e => e.textContent.startsWith("soil-001")).querySelector("polyline") !== null`)
	b.do(t, chromedp.SendKeys(`input[type=search]`, "002"))
	b.await(t, `document.querySelectorAll(".rows .row").length === 1`)
}
