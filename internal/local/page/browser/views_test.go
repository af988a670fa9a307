package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// fill types into a field as a person would: the old text goes first.
func (b *browser) fill(t *testing.T, selector, text string) {
	t.Helper()
	b.await(t, fmt.Sprintf(`document.querySelector(%q)`, selector))
	value[any](t, b, fmt.Sprintf(`(() => { const e = document.querySelector(%q); `+
		`Object.getOwnPropertyDescriptor(Object.getPrototypeOf(e), "value").set.call(e, %q); `+
		`e.dispatchEvent(new Event("input", {bubbles: true})); return null; })()`, selector, text))
}

// rules tries SQL: what works, what is wrong, and the last message.
func rules(t *testing.T, _ *deployment, b *browser, _ paho.Client) {
	b.goTo(t, "#/rules/gh_page_telemetry")
	b.press(t, ".playground button", "Try it")
	b.says(t, ".yes", "The message matches.")
	b.says(t, ".playground h4", "Action Kinesis")
	b.says(t, ".playground pre", `"PartitionKey": "soil-001"`)
	b.press(t, ".playground button", "Use the last message")
	b.await(t, `document.querySelector("#payload-gh_page_telemetry").value.includes("script")`)
	b.fill(t, "#sql-gh_page_telemetry", "SELECT data.temperature * 2 AS double FROM 'gh-page/+/telemetry'")
	b.press(t, ".playground button", "Try it")
	b.says(t, ".playground pre", `"double": 45`)
	b.picture(t, "page-rules")
	b.fill(t, "#sql-gh_page_telemetry", "SELECT * FROM 'gh-page/+/telemetry' WHERE uper(x) = 'A'")
	b.press(t, ".playground button", "Try it")
	b.says(t, ".problem", "Line 1, column 43")
	b.says(t, ".excerpt", "^")
	b.fill(t, "#sql-gh_page_telemetry", "SELECT * FROM 'other/#'")
	b.press(t, ".playground button", "Try it")
	b.says(t, ".no", "it listens to other/#")
}

// alerts raises one, and asks why the other rule raised none.
func alerts(t *testing.T, w *deployment, b *browser, d paho.Client) {
	w.send(t, d, "soil-001", `{"data":{"temperature":61,"humidity":55}}`)
	w.drain(t)
	b.goTo(t, "#/alerts")
	b.says(t, "td", "data.temperature > 50")
	b.says(t, ".notice h3", "[critical] hot on soil-001: Too hot: 61")
	b.says(t, ".notice pre", "Condition:  data.temperature > 50")
	b.press(t, ".notice a", "Follow the message")
	b.says(t, ".condition", "hotdata.temperature > 50data.temperature = 61holds")
	b.says(t, ".condition", "drydata.humidity < 35data.humidity = 55does not hold")
	b.says(t, "td", "Function gh-page-alerts")
	b.picture(t, "page-message")
}

// letters shows what could not be delivered, and sends it again.
func letters(t *testing.T, w *deployment, b *browser, d paho.Client) {
	w.send(t, d, "soil-001", `not JSON `+evil)
	w.drain(t)
	b.goTo(t, "#/letters")
	b.says(t, ".letter h3", "not_json · soil-001")
	b.says(t, ".letter pre", evil)
	before := value[int](t, b, `document.querySelectorAll(".letter").length`)
	b.press(t, ".letter button", "Send again")
	b.says(t, "[role=status]", "Sent again: publishes the payload to gh-page/soil-001/telemetry.")
	w.drain(t) // it is still not JSON, so it comes back
	b.await(t, fmt.Sprintf(`document.querySelectorAll(".letter").length === %d`, before))
	b.goTo(t, "#/flow")
	b.says(t, `[data-edge="function:gh-page-processor>store:sqs:gh-page-dead-letters"]`, "2")
}

func logs(t *testing.T, _ *deployment, b *browser, _ paho.Client) {
	b.goTo(t, "#/logs")
	b.says(t, ".log td", "record cannot be stored; sending it to the dead-letter queue")
	b.fill(t, "input[type=search]", "no such line")
	b.await(t, `document.querySelectorAll(".log tbody tr").length === 0`)
}

func archive(t *testing.T, _ *deployment, b *browser, _ paho.Client) {
	b.goTo(t, "#/archive")
	b.await(t, `document.querySelector("#archive")`)
	b.await(t, `[...document.querySelectorAll("td button")].some(e => e.textContent.endsWith(".parquet")) || `+
		`document.querySelector("section .bar button").click()`)
	b.press(t, "td button", ".parquet")
	b.await(t, `document.querySelectorAll(".scroll[aria-label=Rows] tbody tr").length > 0`)
	b.says(t, ".scroll[aria-label=Rows] td", "soil-001")
}

func simulator(t *testing.T, _ *deployment, b *browser, _ paho.Client) {
	b.goTo(t, "#/simulator")
	b.fill(t, "input[type=number]", "0.2")
	b.press(t, "button", "Set for all")
	press := func(label string) {
		t.Helper()
		selector := fmt.Sprintf(`button[aria-label=%q]:not(:disabled)`, label)
		b.await(t, fmt.Sprintf(`document.querySelector(%q)`, selector))
		b.press(t, selector, "")
	}
	press("Start soil-002")
	press("drift soil-002")
	b.says(t, ".badge", "drift")
	press("5 malformed soil-002")
	b.goTo(t, "#/letters") // before the device recovers
	b.says(t, ".letter h3", "soil-002")
	b.goTo(t, "#/simulator")
	press("clock wrong soil-002")
	b.says(t, ".badge", "clock wrong")
	press("recover soil-002")
	b.await(t, `document.querySelectorAll(".badge").length === 0`)
	press("Start soil-003")
	press("offline for 30 s soil-003")
	b.says(t, ".badge", "offline")
	b.goTo(t, "#/devices/soil-003")
	b.says(t, "li", "disconnected CONNECTION_LOST")
}

// device looks at a simulated one, and sends it a command that it answers.
func device(t *testing.T, _ *deployment, b *browser, _ paho.Client) {
	b.goTo(t, "#/devices/soil-002")
	b.says(t, "figcaption", "soil_moisture")
	b.await(t, `document.querySelectorAll("figure canvas").length >= 4`)
	b.says(t, "dd", "ACTIVE")
	b.fill(t, "#command", `{ "action": "irrigate" `)
	b.press(t, "button", "Send")
	b.says(t, ".problem", "JSON")
	b.fill(t, "#command", `{ "action": "irrigate" }`)
	b.press(t, "button", "Send")
	b.says(t, "td.command", "succeeded")
	b.says(t, "td.content", "the soil is wet")
	b.says(t, "td.content", `"action":"irrigate"`)
	b.picture(t, "page-device")
}

// accessibility runs axe-core in each view, light and dark.
func accessibility(t *testing.T, _ *deployment, b *browser, _ paho.Client) {
	axe, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	value[any](t, b, string(axe)+"; null")
	for _, scheme := range []string{"dark", "light"} {
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}); err != nil {
			t.Fatal(err)
		}
		for place, sign := range map[string]string{
			"#/flow": ".node", "#/devices": ".rows .row", "#/devices/soil-002": "figure canvas", "#/rules": ".playground",
			"#/alerts": ".notice", "#/letters": ".letter", "#/logs": ".log td", "#/archive": "td button",
			"#/simulator": "td button",
		} {
			b.goTo(t, place)
			b.await(t, fmt.Sprintf(`document.querySelector(%q)`, sign))
			value[any](t, b, `window.found = null; axe.run(document, {resultTypes: ["violations"]}).then(`+
				`r => window.found = r.violations.map(v => v.id + ": " + v.help + " " + v.nodes.map(n => n.html).slice(0, 3).join(" ")),`+
				`e => window.found = [String(e)]); null`)
			b.await(t, `window.found !== null`)
			if found := value[[]string](t, b, `window.found`); len(found) > 0 {
				t.Errorf("%s, %s:\n%s", place, scheme, strings.Join(found, "\n"))
			}
		}
		b.goTo(t, "#/flow")
		b.await(t, `document.querySelector(".edge.busy")`)
		b.picture(t, "page-flow-"+scheme)
	}
}

// keyboard opens an edge of the diagram without a mouse.
func keyboard(t *testing.T, _ *deployment, b *browser, _ paho.Client) {
	b.goTo(t, "#/flow")
	b.await(t, `document.querySelector('[data-edge="devices>broker"]')`)
	value[any](t, b, `document.querySelector('[data-edge="devices>broker"]').focus(); null`)
	if _, err := chromedp.Call(b.ctx, emulation.SetFocusEmulationEnabled,
		emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	b.await(t, `document.activeElement?.dataset.edge === "devices>broker"`)
	b.do(t, chromedp.KeyEvent(kb.Enter))
	b.says(t, "#edge", "Devices → MQTT broker")
}

// phone is a narrow screen: nothing but the parts that scroll is wider.
func phone(t *testing.T, _ *deployment, b *browser, _ paho.Client) {
	b.do(t, chromedp.EmulateViewport(390, 844))
	for _, place := range []string{"flow", "devices", "devices/soil-002", "rules", "alerts", "letters", "logs", "archive", "simulator"} {
		b.goTo(t, "#/"+place)
		// A plot takes the width that there is when it is shown.
		b.await(t, `document.querySelector("main h2") && document.documentElement.scrollWidth <= 390`)
	}
	b.do(t, chromedp.EmulateViewport(1400, 1000))
}

// restart ends iot-local and starts it again; the open page goes on.
func restart(t *testing.T, w *deployment, b *browser, _ paho.Client) {
	b.goTo(t, "#/flow")
	address := must(url.Parse(w.page.URL()))(t).Host
	w.stop(t)
	b.says(t, ".connection.lost", "iot-local is not running")
	w.start(t, address)
	b.says(t, ".connection.live", "live")
	d := w.connect(t, "soil-003")
	w.send(t, d, "soil-003", `{"data":{"temperature":20,"humidity":50}}`)
	b.says(t, `[data-edge="devices>broker"]`, "1")
	b.says(t, "#latest ~ .scroll td", "soil-003")
}

// inFront answers for a registry of 10,000 devices, and passes everything else on.
func inFront(t *testing.T, endpoint string) string {
	t.Helper()
	target := must(url.Parse(endpoint))(t)
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/thing-groups/"+name+"/things" {
			proxy.ServeHTTP(w, r)
			return
		}
		from, _ := strconv.Atoi(r.URL.Query().Get("nextToken"))
		var page struct {
			Things    []string `json:"things"`
			NextToken string   `json:"nextToken,omitempty"`
		}
		for i := from; i < min(from+250, fleetSize); i++ {
			page.Things = append(page.Things, fmt.Sprintf("sensor-%05d", i))
		}
		if from+250 < fleetSize {
			page.NextToken = strconv.Itoa(from + 250)
		}
		json.NewEncoder(w).Encode(page)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

const fleetSize = 10000

// largeFleet lists 10,000 devices that send 1,000 messages a second. The feed gets them directly: mutual TLS with as many
// devices is another test's matter.
func largeFleet(t *testing.T, w *deployment, b *browser, _ paho.Client) {
	address := must(url.Parse(w.page.URL()))(t).Host
	w.stop(t)
	w.endpoint = w.fleet
	w.start(t, address)
	ctx, cancel := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	sending.Go(func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for n := 0; ; {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			for range 10 {
				thing := fmt.Sprintf("sensor-%05d", n%fleetSize)
				w.feed.Note(runlog.Event{Kind: runlog.Received, Thing: thing, Topic: name + "/" + thing + "/telemetry",
					Trace: strconv.Itoa(n), Bytes: 20, Payload: []byte(`{"data":{"temperature":` + strconv.Itoa(n%40) + `}}`)})
				n++
			}
		}
	})
	defer sending.Wait()
	defer cancel()
	b.goTo(t, "#/devices")
	b.says(t, ".bar", "10,000 devices")
	if rows := value[int](t, b, `document.querySelectorAll(".rows .row").length`); rows > 100 {
		t.Errorf("%d rows exist for what is in sight", rows)
	}
	value[any](t, b, `(() => { const e = document.querySelector(".rows"); e.scrollTop = e.scrollHeight; return null; })()`)
	b.says(t, ".rows .row", "sensor-09999")
	b.fill(t, "input[type=search]", "0421")
	b.await(t, `document.querySelectorAll(".rows .row").length === 11 && document.querySelector(".rows").textContent.includes("sensor-04210")`)
	b.goTo(t, "#/flow")
	b.says(t, "[role=note]", "more in the last second are counted, but not listed")
	b.await(t, `document.querySelectorAll("#latest ~ .scroll tbody tr").length === 20`)
	// Whoever waits for long sees the page stutter.
	value[any](t, b, `window.slow = 0; { let last = performance.now(); setInterval(() => { const now = performance.now(); `+
		`window.slow = Math.max(window.slow, now - last); last = now; }, 20); } location.hash = "#/devices"; null`)
	before := value[int](t, b, `parseInt(document.querySelector(".status .number").textContent.replace(/,/g, ""))`)
	b.await(t, fmt.Sprintf(`parseInt(document.querySelector(".status .number").textContent.replace(/,/g, "")) > %d`, before+3000))
	slow := value[float64](t, b, `window.slow`)
	t.Logf("a timer of 20 ms took %.0f ms at most", slow)
	if slow == 0 || slow > 3000 {
		t.Errorf("a timer of 20 ms took %.0f ms", slow)
	}
}
