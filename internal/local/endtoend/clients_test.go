package endtoend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// clientsPipeline has the topics of common tutorials, answers heat with a command, and stores each reading at once.
const clientsPipeline = `
resource "iot_pipeline" "gh" {
  name          = "NAME"
  topic_prefix  = "devices"
  devices       = { "js-1" = {}, "js-2" = {}, "mosquitto-1" = {}, "mosquitto-2" = {}, "mosquitto-5" = {}, "python-1" = {} }
  processor     = { batch_window_seconds = 0 }
  archive       = { enabled = false }
  device_state  = { refresh_seconds = 0 }
  alerts = {
    rules = { hot = { when = "data.temperature > 50", command = jsonencode({ action = "enter_safe_mode" }) } }
  }
  force_destroy = true
}
`

// credentials are the files and variables with which a device's program connects.
type credentials struct {
	host, port, ca, cert, key string
	env                       []string
}

func (w *deployment) credentials(t *testing.T, thing string) credentials {
	t.Helper()
	dir, b := t.TempDir(), w.devices[thing]
	c := credentials{host: "localhost", ca: w.runtime.CAPath(), cert: filepath.Join(dir, "cert.pem"),
		key: filepath.Join(dir, "key.pem")}
	_, c.port, _ = net.SplitHostPort(w.runtime.MQTTAddr())
	for path, text := range map[string]string{c.cert: b.CertificatePEM, c.key: b.PrivateKey} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.env = []string{"THING=" + thing, "HOST=" + c.host, "PORT=" + c.port, "CA=" + c.ca, "CERT=" + c.cert,
		"KEY=" + c.key}
	return c
}

// program is a client that was run to its end.
type program struct {
	out, problems string
	err           error
}

// runClient runs a program to its end.
func runClient(t *testing.T, env []string, name string, args ...string) program {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return program{out.String(), problems.String(), err}
}

// said are the lines that a program printed, by what they are about.
func (c program) said(t *testing.T) map[string]string {
	t.Helper()
	if c.err != nil {
		t.Fatalf("the client failed: %v\n%s%s", c.err, c.out, c.problems)
	}
	all := map[string]string{}
	for line := range strings.Lines(c.out) {
		var said struct {
			What  string
			Value any
		}
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatalf("the client printed %s", line)
		}
		text, err := json.Marshal(said.Value) // with its members in order
		if err != nil {
			t.Fatal(err)
		}
		all[said.What] = string(text)
	}
	return all
}

func same(t *testing.T, got map[string]string, want map[string]string) {
	t.Helper()
	for what, value := range want {
		if got[what] != value {
			t.Errorf("%s is %s, want %s", what, got[what], value)
		}
	}
}

// tool returns what a variable of the environment names, which make clients sets.
func tool(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Fatalf("%s is not set: run the tests with make test, or install the clients with make clients and set it to "+
			"what tools/find-clients.sh prints", variable)
	}
	return path
}

func mosquitto(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: install mosquitto's tools with make clients", err)
	}
	return path
}

// flags are what mosquitto's tools need to connect.
func (c credentials) flags(thing string, more ...string) []string {
	return append([]string{"-h", c.host, "-p", c.port, "--cafile", c.ca, "--cert", c.cert, "--key", c.key, "-i", thing},
		more...)
}

// TestClients runs the programs that devices are made with, as they are, against the local broker.
func TestClients(t *testing.T) {
	w := deploy(t, strings.ReplaceAll(clientsPipeline, "NAME", name))
	command := func(thing string) string {
		return `{"payload":"{\"action\":\"enter_safe_mode\"}","topic":"devices/` + thing + `/commands"}`
	}
	stored := func(t *testing.T, thing, temperature string) {
		t.Helper()
		w.drain(t)
		if got := w.temperature(t, name, thing); got != temperature {
			t.Errorf("the device table has temperature %q of %s, want %s", got, thing, temperature)
		}
	}
	t.Run("AWS device SDK v1", func(t *testing.T) {
		env := append(w.credentials(t, "js-1").env, "NODE_PATH="+tool(t, "IOT_CLIENTS_NODE"))
		said := runClient(t, env, "node", "testdata/clients/sdk-v1.js").said(t)
		same(t, said, map[string]string{"granted": "[1]", "message": command("js-1"), "delta": `{"interval":5}`,
			"desired accepted":  `{"desired":{"interval":5}}`,
			"reported accepted": `{"reported":{"interval":5}}`,
			"get accepted":      `{"desired":{"interval":5},"reported":{"interval":5}}`})
		stored(t, "js-1", "61")
	})
	t.Run("AWS device SDK v2", func(t *testing.T) {
		env := append(w.credentials(t, "js-2").env, "NODE_PATH="+tool(t, "IOT_CLIENTS_NODE"))
		said := runClient(t, env, "node", "testdata/clients/sdk-v2.js").said(t)
		same(t, said, map[string]string{"suback": "[1]", "puback": `{"reason":0,"userProperties":[]}`,
			"message": command("js-2"), "delta": `{"interval":7}`,
			"get":     `{"desired":{"interval":7},"reported":{"interval":7}}`,
			"connack": `{"aliases":8,"maximumQos":1,"reason":0}`})
		stored(t, "js-2", "62")
	})
	t.Run("firmware in Python", func(t *testing.T) {
		said := runClient(t, w.credentials(t, "python-1").env, tool(t, "IOT_PAHO_PYTHON"),
			"testdata/clients/firmware.py").said(t)
		same(t, said, map[string]string{"message": command("python-1")})
		stored(t, "python-1", "19")
	})
	t.Run("mosquitto", func(t *testing.T) {
		for version, thing := range map[string]string{"mqttv311": "mosquitto-1", "mqttv5": "mosquitto-5"} {
			got := runClient(t, nil, mosquitto(t, "mosquitto_rr"), w.credentials(t, thing).flags(thing, "-V", version,
				"-q", "1", "-W", "60", "-m", `{"data":{"temperature":64}}`, "-t", "devices/"+thing+"/telemetry",
				"-e", "devices/"+thing+"/commands")...)
			if got.err != nil || got.out != `{"action":"enter_safe_mode"}`+"\n" {
				t.Errorf("%s: got %q, error %v, %s", version, got.out, got.err, got.problems)
			}
			stored(t, thing, "64")
		}
	})
	t.Run("what AWS refuses", func(t *testing.T) { refusedClients(t, w) })
}

// refusedClients does with mosquitto's tools what AWS IoT does not take. Each attempt fails, and nothing of it gets
// further.
func refusedClients(t *testing.T, w *deployment) {
	c := w.credentials(t, "mosquitto-2")
	pub := func(args ...string) program {
		t.Helper()
		return runClient(t, nil, mosquitto(t, "mosquitto_pub"), c.flags("mosquitto-2", args...)...)
	}
	own := []string{"-t", "devices/mosquitto-2/telemetry", "-m", `{"temperature":1}`}
	for attempt, c := range map[string]struct {
		args []string
		want string // mosquitto_pub ends with status 0 when its own library refuses
	}{
		"MQTT 3.1":                       {append(own, "-V", "mqttv31"), "protocol"},
		"QoS 2 in MQTT 5":                {append(own, "-V", "mqttv5", "-q", "2"), "qos not supported on broker"},
		"user properties of 10 kB":       {append(own, "-V", "mqttv5", "-q", "1", "-D", "publish", "user-property", "a", strings.Repeat("x", 10000)), ""},
		"a reserved topic":               {[]string{"-q", "1", "-t", "$SYS/broker", "-m", "x"}, ""},
		"telemetry of another device":    {[]string{"-q", "1", "-t", "devices/js-1/telemetry", "-m", "{}"}, ""},
		"the client ID of another":       {append(own, "-i", "js-1"), ""},
		"a topic of nine levels":         {[]string{"-q", "1", "-t", "devices/mosquitto-2/a/b/c/d/e/f/g/h", "-m", "x"}, ""},
		"a payload of more than 128 KiB": {[]string{"-q", "1", "-t", own[1], "-m", strings.Repeat("x", 130<<10)}, ""},
	} {
		got := pub(c.args...)
		if got.err == nil && c.want == "" || !strings.Contains(strings.ToLower(got.problems+got.out), c.want) {
			t.Errorf("%s: error %v, printed %s%s", attempt, got.err, got.out, got.problems)
		}
	}
	// A will on another device's topic: the client connects, and the will is not sent.
	before := w.count(func(e runlog.Event) bool { return e.Topic == "devices/js-1/status" })
	sub := runClient(t, nil, mosquitto(t, "mosquitto_sub"), c.flags("mosquitto-2", "-W", "1", "-t",
		"devices/mosquitto-2/commands", "--will-topic", "devices/js-1/status", "--will-payload", `{"state":"offline"}`)...)
	w.drain(t)
	if n := w.count(func(e runlog.Event) bool { return e.Topic == "devices/js-1/status" && e.Kind == runlog.Received }); n != before {
		t.Errorf("the will on another device's topic was published: %s%s", sub.out, sub.problems)
	}
	if got := w.temperature(t, name, "mosquitto-2"); got != "" {
		t.Errorf("temperature %s of refused messages was stored", got)
	}
}
