package notice

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sns"
)

func TestSubject(t *testing.T) {
	for _, c := range []struct{ message, want, why string }{
		{"Humidity 29", "[info] dry on soil-001: Humidity 29", "plain"},
		{"two\r\nlines\tand a tab", "[info] dry on soil-001: two lines and a tab",
			"what would end the header becomes a space"},
		{"29 °C – zu heiß", "[info] dry on soil-001: 29 ?C ? zu hei?", "printable ASCII only"},
		{"  \x00\x01 spaces  ", "[info] dry on soil-001: spaces", "control characters and runs of spaces"},
		{strings.Repeat("x", 200), "[info] dry on soil-001: " + strings.Repeat("x", 75), "99 characters"},
		{strings.Repeat("x", 74) + " y", "[info] dry on soil-001: " + strings.Repeat("x", 74), "no space at the end"},
	} {
		n := Notice{Severity: "info", Rule: "dry", Thing: "soil-001", State: "alert", Message: c.message}
		if got := n.Subject(); got != c.want {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
}

func FuzzSubject(f *testing.F) {
	f.Add("Humidity 29 on soil-001")
	f.Add("\u2028\u0085\u00a0")
	f.Add(strings.Repeat("é", 300))
	f.Fuzz(func(t *testing.T, message string) {
		got := (&Notice{Severity: "info", Rule: "dry", Thing: "soil-001", State: "alert", Message: message}).Subject()
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

func TestManyDevices(t *testing.T) {
	names := make([]string, 20)
	for i := range names {
		names[i] = fmt.Sprintf("soil-%03d", i)
	}
	n := &Notice{Severity: "warning", Rule: "silent", State: Alert, Message: "3000 devices are silent", Count: 3000,
		Things: names}
	topic := &lastPublished{}
	if err := Publish(t.Context(), topic, "arn", n); err != nil {
		t.Fatal(err)
	}
	if _, there := topic.in.MessageAttributes["thing"]; there {
		t.Error("the attribute thing is there and has no value")
	}
	var forms map[string]string
	if err := json.Unmarshal([]byte(*topic.in.Message), &forms); err != nil {
		t.Fatal(err)
	}
	if want := "[warning] silent: 3000 devices are silent"; *topic.in.Subject != want {
		t.Errorf("subject %q, want %q", *topic.in.Subject, want)
	}
	if !strings.Contains(forms["email"], "\nDevices:    soil-000, soil-001, ") ||
		!strings.Contains(forms["email"], "soil-019 and 2980 more\n") {
		t.Errorf("text:\n%s", forms["email"])
	}
}
