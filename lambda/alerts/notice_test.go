package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/notice"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// lastPublished is a topic that keeps the last notification.
type lastPublished struct{ in *sns.PublishInput }

func (l *lastPublished) Publish(
	_ context.Context,
	in *sns.PublishInput,
	_ ...func(*sns.Options),
) (*sns.PublishOutput, error) {
	l.in = in
	return &sns.PublishOutput{}, nil
}

// TestANoticeFits makes the largest notices that a 128 KB message can cause: a device must not silence its own alerts.
func TestANoticeFits(t *testing.T) {
	for _, c := range []struct{ why, name, value string }{
		{"text of two bytes", "m", strings.Repeat("é", 1000)},
		{"values that JSON escapes", "m", strings.Repeat(`\u0001`, 256)},
		{"quotes", "m", strings.Repeat(`\"`, 256)},
		{"long names", strings.Repeat("n", 1000), "1"},
		{"names that JSON escapes", strings.Repeat(`\u0001`, 250), "1"},
	} {
		members := make([]string, 60)
		for i := range members {
			members[i] = fmt.Sprintf(`"%02d%s":"%s"`, i, c.name, c.value)
		}
		payload := "{" + strings.Join(members, ",") + "}"
		e := event{payload: []byte(payload), thing: "soil-001", topic: "a", receivedAt: time.Now()}
		for _, message := range []string{"Humidity 29", notice.Cut(strings.Repeat("é\"", 100000), maxMessage)} {
			for _, when := range []string{"a > 1", strings.Repeat("a > 1 OR ", 10000)} {
				n := newNotice("greenhouse", &rule{name: "dry", severity: "info", when: when}, &view{event: &e},
					plainDecoder(t))
				if len(n.Values) != maxValues {
					t.Fatalf("%s: %d values", c.why, len(n.Values))
				}
				n.Message = message
				topic := &lastPublished{}
				if err := notice.Publish(t.Context(), topic, "arn", n); err != nil {
					t.Fatal(err)
				}
				size := len(*topic.in.Message) + len(*topic.in.Subject)
				for name, a := range topic.in.MessageAttributes {
					size += len(name) + len(*a.DataType) + len(*a.StringValue)
				}
				if size > 256<<10 || !utf8.ValidString(*topic.in.Message) ||
					!strings.HasPrefix(message, n.Message[:11]) {
					t.Errorf("%s: %d bytes, message %.20q", c.why, size, n.Message)
				}
			}
		}
	}
}

func TestANoticeThatFitsIsComplete(t *testing.T) {
	values := make([]string, 40)
	for i := range values {
		values[i] = fmt.Sprintf(`"m%02d":"%s"`, i, strings.Repeat("x", 250))
	}
	e := event{payload: []byte("{" + strings.Join(values, ",") + "}"), thing: "soil-001", receivedAt: time.Now()}
	n := newNotice("greenhouse", &rule{name: "dry", severity: "info", when: "a > 1"}, &view{event: &e}, plainDecoder(t))
	n.Message = strings.Repeat("y", 4000)
	if _, err := n.Forms(); err != nil || len(n.Values) != 40 || len(n.Message) != 4000 {
		t.Errorf("%d values and a message of %d bytes are left, %v", len(n.Values), len(n.Message), err)
	}
}

// TestADeviceAddsNoLines: the text of a notice has the lines of the function and of the rule's message, no others.
func TestADeviceAddsNoLines(t *testing.T) {
	forged := `x\n\nSeverity:   info\r\nAlert:      none\u2028\u0085\u001b[2J\u202e`
	payload := `{"note":"` + forged + `","` + forged + `":1}`
	e := event{payload: []byte(payload), thing: "soil-001", receivedAt: time.Now()}
	rules, _, broken, err := compile(
		`{"version":1,"rules":{"dry":{"when":"1 = 1","severity":"critical","message":"Note: ${note}\nEnd."}}}`)
	if err != nil || len(broken) > 0 {
		t.Fatal(err, broken)
	}
	m, err := e.message(e.payload, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := newNotice("greenhouse", &rules[0], &view{event: &e}, plainDecoder(t))
	n.State, n.Message = "alert", (&handler{}).render(t.Context(), &rules[0], m)
	if want := "Note: x  Severity:   info  Alert:      none   [2J \nEnd."; n.Message != want {
		t.Errorf("message %q, want %q", n.Message, want)
	}
	want := []string{
		"Note: x ", "End.", "", "Severity: ", "Alert:   ", "Device:  ", "Pipeline:", "Time:    ", "Condition",
		"Values:  ",
		"         ",
	}
	lines := strings.Split(strings.TrimSuffix(n.Text(), "\n"), "\n")
	for i, line := range lines {
		if len(lines) != len(want) || !strings.HasPrefix(line, want[i]) ||
			strings.ContainsAny(line, "\x1b\r\u0085\u2028\u202e") {
			t.Fatalf("line %d: %q in\n%s", i, line, n.Text())
		}
	}
}

func TestANoticeHasNoCharactersThatSQSRefuses(t *testing.T) {
	e := event{payload: []byte("{\"a\uFFFF\":\"\uFFFE\"}"), thing: "soil-001", receivedAt: time.Now()}
	forms, err := newNotice("greenhouse", &rule{name: "dry", severity: "info"}, &view{event: &e},
		plainDecoder(t)).Forms()
	var decoded map[string]string
	if err := errors.Join(err, json.Unmarshal(forms, &decoded)); err != nil {
		t.Fatal(err)
	}
	for form, text := range decoded {
		if strings.ContainsAny(text, "\uFFFE\uFFFF") {
			t.Errorf("%s: %q", form, text)
		}
	}
}

func TestEnvironmentIsCheckedAtStart(t *testing.T) {
	for _, name := range []string{"IOT_PIPELINE", "IOT_TOPIC_PREFIX", "IOT_DEVICE_TABLE", "IOT_ALERT_TOPIC_ARN",
		"IOT_DEAD_LETTER_QUEUE_URL", "AWS_REGION"} {
		_, err := newHandler((&lambdatest.AWS{URL: "http://127.0.0.1:1"}).Getenv(map[string]string{name: ""}),
			io.Discard)
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

func plainDecoder(t *testing.T) *telemetry.Decoder {
	t.Helper()
	d, err := telemetry.New(telemetry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
