package victoriametrics

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// processor is the function as it is shipped, with a server to write to.
type processor struct {
	*lambdatest.Function
	aws *lambdatest.AWS
}

func startProcessor(t *testing.T, s *Server, version string, more map[string]string) processor {
	t.Helper()
	aws := lambdatest.StartAWS(t)
	env := map[string]string{
		"IOT_INFLUXDB_URL": s.URL, "IOT_INFLUXDB_VERSION": version, "IOT_INFLUXDB_ORGANIZATION": "farm",
		"IOT_INFLUXDB_BUCKET": "greenhouse", "IOT_INFLUXDB_MEASUREMENT": "telemetry",
	}
	maps.Copy(env, more)
	return processor{lambdatest.StartFunction(t, lambdatest.Compile(t, "processor"), aws.Env(env)), aws}
}

// invoke returns the sequence number from which Lambda repeats the batch, "" for none.
func (p processor) invoke(t *testing.T, left time.Duration, records ...lambdatest.Record) string {
	t.Helper()
	reply := p.Invoke(lambdatest.Event(records...), left)
	var answer struct {
		BatchItemFailures []struct{ ItemIdentifier string }
	}
	if err := json.Unmarshal(reply.Body, &answer); err != nil || reply.Failed {
		t.Fatalf("answer %s: %v", reply.Body, err)
	}
	if len(answer.BatchItemFailures) == 0 {
		return ""
	}
	return answer.BatchItemFailures[0].ItemIdentifier
}

func (p processor) letters(t *testing.T) map[string]string {
	t.Helper()
	letters := map[string]string{}
	for _, l := range p.aws.Letters(t) {
		letters[fmt.Sprint(l["sequence_number"])] = fmt.Sprint(l["reason"])
	}
	return letters
}

// sent is what VictoriaMetrics should hold of records: each measure of each reading as a number. It has no other values:
// true is 1, and a text that is not a number is 0.
func sent(t *testing.T, records ...lambdatest.Record) map[string]float64 {
	t.Helper()
	decoder, err := telemetry.New(telemetry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string]float64{}
	for _, r := range records {
		readings, err := decoder.Decode([]byte(r.Payload), lambdatest.Start.Add(r.After))
		if err != nil {
			t.Fatal(err)
		}
		for _, reading := range readings {
			for _, m := range reading.Measures {
				value := map[string]float64{"true": 1}[m.Text]
				if m.Kind != telemetry.Bool {
					if n, err := strconv.ParseFloat(m.Text, 64); err == nil {
						value = n
					}
				}
				samples[fmt.Sprintf("telemetry_%s{%s} %d", m.Name, r.Thing, reading.Time.UnixMilli())] = value
			}
		}
	}
	return samples
}

const enough = 30 * time.Second

func TestReadingsAreAsSent(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		t.Run("version "+version, func(t *testing.T) {
			s := Start(t)
			p := startProcessor(t, s, version, nil)
			good := append(lambdatest.FleetRecords(3000, 7),
				lambdatest.Record{Thing: "a", Sequence: "1", After: time.Second,
					Payload: `{"battery":3,"readings":[{"ts":1767225590,"t":21},{"ts":1767225600,"t":-1.5e-7}]}`},
				lambdatest.Record{Thing: "b:c_d", Sequence: "2", After: time.Second,
					Payload: `{"ok":true,"off":false,"mode":"eco, \"dry\" \\ a=b","count":"7","wind":{"speed":3.5}}`},
				lambdatest.Record{Thing: "a", Sequence: "3", After: time.Second, Payload: `{}`},
			)
			bad := []lambdatest.Record{
				{Thing: "a", Sequence: "4", After: time.Second, Payload: "poison"},
				// InfluxDB takes a line feed in a text, VictoriaMetrics does not: a line that a real server refuses.
				{Thing: "a", Sequence: "5", After: time.Second, Payload: `{"note":"two\nlines"}`},
				{Thing: "a", Sequence: "6", After: time.Second, Payload: `{"time":true}`},
			}
			want := sent(t, good...)
			for range 2 { // the second time is a replay
				if failed := p.invoke(t, enough, append(bad, good...)...); failed != "" {
					t.Fatalf("failed from %s", failed)
				}
				if diff := cmp.Diff(want, s.Samples()); diff != "" {
					t.Fatalf("VictoriaMetrics holds (-want +got):\n%s", diff)
				}
			}
			letters := map[string]string{"4": "not_json", "5": "influxdb_rejected", "6": "measure_name"}
			if diff := cmp.Diff(letters, p.letters(t)); diff != "" {
				t.Errorf("dead letters (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnOutageLosesNothing(t *testing.T) {
	s := Start(t)
	p := startProcessor(t, s, "1", nil)
	records := lambdatest.FleetRecords(100, 5)
	s.Stop()
	if failed := p.invoke(t, 2*time.Second, records...); failed != records[0].Sequence {
		t.Fatalf("while the server is down, the batch fails from %q, want the first record", failed)
	}
	s.Restart()
	if failed := p.invoke(t, enough, records...); failed != "" {
		t.Fatalf("after the outage, the batch fails from %s", failed)
	}
	if diff := cmp.Diff(sent(t, records...), s.Samples()); diff != "" {
		t.Errorf("VictoriaMetrics holds (-want +got):\n%s", diff)
	}
	if letters := p.letters(t); len(letters) != 0 {
		t.Errorf("dead letters %v", letters)
	}
}

func TestAPasswordIsRotated(t *testing.T) {
	s := StartWithPassword(t, "first")
	p := startProcessor(t, s, "1", map[string]string{
		"IOT_INFLUXDB_TOKEN_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:influx-AbCdEf"})
	records := lambdatest.FleetRecords(3, 1)
	p.aws.Keep(`{"username":"admin","password":"first"}`)
	for i := range records {
		if i == 1 {
			s.SetPassword("second")
			if failed := p.invoke(t, enough, records[i]); failed == "" {
				t.Fatal("the former password is taken")
			}
			p.aws.Keep(`{"username":"admin","password":"second"}`)
		}
		if failed := p.invoke(t, enough, records[i]); failed != "" {
			t.Fatalf("record %d fails", i)
		}
	}
	if diff := cmp.Diff(sent(t, records...), s.Samples()); diff != "" {
		t.Errorf("VictoriaMetrics holds (-want +got):\n%s", diff)
	}
	// Before the first write, for the refused one, and for the one after the rotation; the last write knows it.
	if n := len(p.aws.Calls("secretsmanager:GetSecretValue")); n != 3 {
		t.Errorf("the secret was read %d times, want 3", n)
	}
}
