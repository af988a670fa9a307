// Package stores feeds the same messages to every store of readings and compares what each holds.
package stores

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// messages are records of many shapes, each with a thing and a time of its own.
func messages() []lambdatest.Record {
	var records []lambdatest.Record
	for i := range 400 {
		measured := lambdatest.Start.Add(-time.Hour + time.Duration(i)*time.Second).UnixMilli()
		payload := [...]string{
			fmt.Sprintf(`{"timestamp":%d,"data":{"temperature":%v,"wind":{"speed":3},"mode":"ECO","on":true}}`,
				measured, float64(i)/16),
			fmt.Sprintf(`{"ts":%d,"temperature":-1.5e-3,"note":"é😀 \"quoted\"\n"}`, measured),
			fmt.Sprintf(`[{"ts":%d,"t":1},{"ts":%d,"t":2},{"ts":%d}]`, measured, measured, measured+1),
			fmt.Sprintf(`[{"bn":"urn:dev:","bt":%d,"n":"voltage","v":120.1},{"n":"current","t":-5,"v":1.2}]`,
				measured/1000),
			fmt.Sprintf(`{"temperature":%d,"gap":null}`, i),
			`{"timestamp":17,"t":1}`,
			lambdatest.Status("soil-001", "offline", lambdatest.Start),
			"poison",
		}[i%8]
		records = append(records, lambdatest.Record{Thing: fmt.Sprintf("soil-%03d", i%40), Payload: payload,
			Sequence: strconv.Itoa(1000 + i)})
	}
	return records
}

// reading is a reading as every store can give it back: values by name, as texts.
type reading map[string]string

// number writes numbers alike, whatever wrote them.
func number(t *testing.T, text string) string {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// archived returns the readings of the archive by thing and time, and the same as recent does.
func archived(t *testing.T, records []lambdatest.Record) (readings map[string]reading, list []string) {
	t.Helper()
	archiver := lambdatest.StartFunction(t, lambdatest.Compile(t, "archiver"), nil)
	reply := archiver.Invoke(lambdatest.FirehoseEvent(records...), time.Minute)
	var answer struct{ Records []struct{ Data []byte } }
	if err := json.Unmarshal(reply.Body, &answer); err != nil || reply.Failed || len(answer.Records) != len(records) {
		t.Fatalf("answer %.1000s: %v", reply.Body, err)
	}
	readings = map[string]reading{}
	for _, record := range answer.Records {
		for line := range strings.Lines(string(record.Data)) {
			var row struct {
				Thing, Time, Kind string
				Measures          map[string]json.Number
				Texts             map[string]string
				Flags             map[string]bool
				Sequence          string `json:"sequence_number"`
			}
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			r := reading{}
			for name, v := range row.Measures {
				r[name] = number(t, v.String())
			}
			for name, v := range row.Texts {
				r[name] = v
			}
			for name, v := range row.Flags {
				r[name] = strconv.FormatBool(v)
			}
			if row.Kind != contract.ArchiveTelemetry || len(r) == 0 {
				continue // the other stores keep no readings of these
			}
			at, err := time.Parse("2006-01-02 15:04:05.000", row.Time)
			if err != nil {
				t.Fatal(err)
			}
			readings[fmt.Sprintf("device_id=%s telemetry %d", row.Thing, at.UnixMilli())] = r
			list = append(list, fmt.Sprintf("%s %s#%s", row.Thing, at.Format("2006-01-02T15:04:05.000Z"), row.Sequence))
		}
	}
	slices.Sort(list)
	return readings, list
}

// recent returns the recent readings, "THING TIME#SEQUENCE NUMBER", sorted.
func recent(t *testing.T, aws *lambdatest.AWS) (list []string) {
	t.Helper()
	for _, key := range aws.Items() {
		var item map[string]struct{ S string }
		if err := json.Unmarshal([]byte(aws.Item(key)), &item); err != nil {
			t.Fatal(err)
		}
		at, sequence, _ := strings.Cut(key, "#")
		if named := item[contract.SequenceAttribute].S; named != "" {
			sequence = named // the key of a reading with a time of its own ends with a hash
		}
		list = append(list, at+"#"+strings.TrimLeft(sequence, "0"))
	}
	slices.Sort(list)
	return list
}

// TestEveryStoreGetsTheSameReadings compares the archive with Timestream and with the recent readings, which the
// processor writes.
func TestEveryStoreGetsTheSameReadings(t *testing.T) {
	records := messages()
	want, list := archived(t, records)
	if len(want) < 300 {
		t.Fatalf("the archive has %d readings of %d messages", len(want), len(records))
	}

	aws := lambdatest.StartAWS(t)
	processor := lambdatest.StartFunction(t, lambdatest.Compile(t, "processor"), aws.Env(map[string]string{
		contract.EnvReadingsTable: "greenhouse-readings", contract.EnvReadingsHours: "48"}))
	if reply := processor.Invoke(lambdatest.Event(records...), time.Minute); reply.Failed ||
		string(reply.Body) != `{"batchItemFailures":[]}` {
		t.Fatalf("answer %s", reply.Body)
	}
	got := map[string]reading{}
	for key, stored := range aws.Records() {
		r := reading{}
		for name, value := range stored.Values {
			if r[name] = value; stored.Types[name] == "DOUBLE" {
				r[name] = number(t, value)
			}
		}
		got[key] = r
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Timestream differs from the archive (-archive +Timestream):\n%.3000s", diff)
	}
	if diff := cmp.Diff(list, recent(t, aws)); diff != "" {
		t.Errorf("the recent readings differ from the archive (-archive +recent):\n%.3000s", diff)
	}
}
