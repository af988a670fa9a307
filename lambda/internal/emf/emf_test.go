package emf

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	r := New("greenhouse", "processor", "WARN")
	r.Count("Stored", 2)
	r.Count("Retried", 0)
	r.CountReason("Rejected", "not_json", 1)
	r.CountReason("Rejected", "too_deep", 2)
	r.Millis("Latency", []int64{30, 10})
	r.Millis("Latency", []int64{20})
	var out bytes.Buffer
	if _, err := r.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		var entry struct {
			Level, Pipeline, Function, Reason string
			Stored, Retried, Rejected         *int
			Latency                           []int64
			AWS                               struct {
				Timestamp         int64
				CloudWatchMetrics []directive
			} `json:"_aws"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if entry.Level != "WARN" || entry.Pipeline != "greenhouse" || entry.Function != "processor" ||
			entry.AWS.Timestamp == 0 ||
			len(entry.AWS.CloudWatchMetrics) != 1 {
			t.Errorf("line %s", line)
		}
		d := entry.AWS.CloudWatchMetrics[0]
		text := d.Namespace + " " + strings.Join(d.Dimensions[0], ",")
		for _, m := range d.Metrics {
			text += " " + m.Name + ":" + m.Unit
		}
		got = append(got, text)
		switch {
		case entry.Reason == "" && (*entry.Stored != 2 || *entry.Retried != 0 || *entry.Rejected != 3 ||
			!slices.Equal(entry.Latency, []int64{10, 20, 30})):
			t.Errorf("totals %s", line)
		case entry.Reason == "too_deep" && *entry.Rejected != 2:
			t.Errorf("reason %s", line)
		}
	}
	want := []string{
		"IoTPipeline Pipeline,Function Rejected:Count Retried:Count Stored:Count Latency:Milliseconds",
		"IoTPipeline Pipeline,Function,Reason Rejected:Count",
		"IoTPipeline Pipeline,Function,Reason Rejected:Count",
	}
	if !slices.Equal(got, want) {
		t.Errorf("directives\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r.Get("Rejected") != 3 {
		t.Errorf("Rejected is %d", r.Get("Rejected"))
	}
}

func TestNothingIsPrintedForNothing(t *testing.T) {
	var out bytes.Buffer
	if _, err := New("p", "f", "").WriteTo(&out); err != nil || out.Len() != 0 {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// TestSampleKeepsTheDistribution: CloudWatch takes a hundred values [AWS 7.7]; smallest, largest and median must
// survive.
func TestSampleKeepsTheDistribution(t *testing.T) {
	values := make([]int64, 10001)
	for i := range values {
		values[i] = int64(10000 - i)
	}
	got := sample(values)
	if len(got) != maxValues || got[0] != 0 || got[maxValues-1] != 10000 || got[maxValues/2] < 4900 ||
		got[maxValues/2] > 5100 {
		t.Errorf("%d values from %d over %d to %d", len(got), got[0], got[len(got)/2], got[len(got)-1])
	}
}

// TestNotesMakeNoMetrics: a property costs nothing, a dimension is paid for [AWS 7.7].
func TestNotesMakeNoMetrics(t *testing.T) {
	r := New("greenhouse", "provisioning", "")
	r.Count("Refused", 1)
	r.Note("Reason", "not_listed")
	var out bytes.Buffer
	if _, err := r.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), `"Reason":"not_listed"`) ||
		!strings.Contains(
			out.String(),
			`"Dimensions":[["Pipeline","Function"]],"Metrics":[{"Name":"Refused","Unit":"Count"}]`,
		) {
		t.Errorf("lines %s", out.String())
	}
	r = New("greenhouse", "provisioning", "")
	r.Note("Reason", "not_listed")
	out.Reset()
	if _, err := r.WriteTo(&out); err != nil || out.Len() != 0 {
		t.Errorf("a note alone makes a line: %s, %v", out.String(), err)
	}
}
