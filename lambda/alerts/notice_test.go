package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

func TestSubject(t *testing.T) {
	for _, c := range []struct{ message, want, why string }{
		{"Humidity 29", "[info] dry on soil-001: Humidity 29", "plain"},
		{"two\r\nlines\tand a tab", "[info] dry on soil-001: two lines and a tab", "what would end the header becomes a space"},
		{"29 °C – zu heiß", "[info] dry on soil-001: 29 ?C ? zu hei?", "printable ASCII only"},
		{"  \x00\x01 spaces  ", "[info] dry on soil-001: spaces", "control characters and runs of spaces"},
		{strings.Repeat("x", 200), "[info] dry on soil-001: " + strings.Repeat("x", 75), "99 characters"},
		{strings.Repeat("x", 74) + " y", "[info] dry on soil-001: " + strings.Repeat("x", 74), "no space at the end"},
	} {
		n := notice{Severity: "info", Rule: "dry", Thing: "soil-001", State: "alert", Message: c.message}
		if got := n.subject(); got != c.want {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
}

func FuzzSubject(f *testing.F) {
	f.Add("Humidity 29 on soil-001")
	f.Add("\u2028\u0085\u00a0")
	f.Add(strings.Repeat("é", 300))
	f.Fuzz(func(t *testing.T, message string) {
		got := (&notice{Severity: "info", Rule: "dry", Thing: "soil-001", State: "alert", Message: message}).subject()
		if got == "" || len(got) > maxSubject {
			t.Fatalf("%d characters", len(got))
		}
		for _, c := range []byte(got) {
			if c < ' ' || c > '~' {
				t.Fatalf("%q has the byte %#x", got, c)
			}
		}
	})
}

// TestANoticeFits makes the largest notice that a 128 KB message can cause.
func TestANoticeFits(t *testing.T) {
	values := make([]string, 60)
	for i := range values {
		values[i] = fmt.Sprintf(`"m%02d":"%s"`, i, strings.Repeat("é", 1000))
	}
	e := event{
		payload:    []byte("{" + strings.Join(values, ",") + "}"),
		thing:      "soil-001",
		topic:      "a",
		receivedAt: time.Now(),
	}
	n := newNotice("greenhouse", &rule{name: "dry", severity: "info"}, &e, nil)
	n.Message = cut(strings.Repeat("é", 100000), maxMessage)
	if !utf8.ValidString(n.Message) || len(n.Message) > maxMessage+len("…") {
		t.Errorf("a message of %d bytes, valid: %v", len(n.Message), utf8.ValidString(n.Message))
	}
	document, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	// Six forms of JSON and two of text.
	if size := 6*len(document) + 2*len(n.text()); len(n.Values) != maxValues || size > 256<<10 {
		t.Errorf("%d values, %d bytes", len(n.Values), size)
	}
}

func TestEnvironmentIsCheckedAtStart(t *testing.T) {
	for _, name := range []string{"IOT_PIPELINE", "IOT_TOPIC_PREFIX", "IOT_DEVICE_TABLE", "IOT_ALERT_TOPIC_ARN", "IOT_DEAD_LETTER_QUEUE_URL", "AWS_REGION"} {
		_, err := newHandler(
			(&lambdatest.AWS{URL: "http://127.0.0.1:1"}).Getenv(map[string]string{name: ""}),
			io.Discard,
		)
		if err == nil || !strings.Contains(err.Error(), name+" is not set") {
			t.Errorf("without %s: error %v", name, err)
		}
	}
	c, err := loadConfig(
		(&lambdatest.AWS{}).Getenv(map[string]string{"IOT_DATA_ENDPOINT": "abc-ats.iot.us-east-1.amazonaws.com"}),
	)
	if err != nil || c.dataEndpoint != "https://abc-ats.iot.us-east-1.amazonaws.com" {
		t.Errorf("data endpoint %q, %v", c.dataEndpoint, err)
	}
}
