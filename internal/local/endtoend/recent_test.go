package endtoend_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recentReadings sends readings and asks for those of the last hour with the query of the guide.
func recentReadings(t *testing.T, w *deployment, d *device) {
	now := time.Now().UTC()
	var want []string
	for _, r := range []struct {
		before time.Duration
		data   string
		want   string // "" for what the query leaves out
	}{
		{2 * time.Hour, `{"v":0}`, ""},
		{30 * time.Minute, `{"v":1,"open":true}`, `{"open":{"BOOL":true},"v":{"N":"1"}}`},
		{20 * time.Minute, `{"v":2.5,"mode":"eco"}`, `{"mode":{"S":"eco"},"v":{"N":"2.5"}}`},
		{20 * time.Minute, `{"v":3}`, `{"v":{"N":"3"}}`},
	} {
		at := now.Add(-r.before)
		d.send(t, fmt.Sprintf(`{"timestamp":%d,"data":%s}`, at.UnixMilli(), r.data))
		if r.want != "" {
			want = append(want, at.Format("2006-01-02T15:04:05.000Z ")+r.want)
		}
	}
	w.drain(t)
	text, err := os.ReadFile("../../../templates/guides/recent-readings.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```shell\n(aws dynamodb query .*?)```").FindStringSubmatch(string(text))
	if block == nil {
		t.Fatal("the guide shows no query")
	}
	query := strings.NewReplacer("greenhouse-readings", name+"-readings", "sensor-42", d.Thing).Replace(block[1])
	var answer struct {
		Items []struct {
			Device   struct{ S string } `json:"device_id"`
			At       struct{ S string } `json:"at"`
			Measures struct {
				M map[string]any
			} `json:"measures"`
		}
	}
	if err := json.Unmarshal([]byte(w.server.Shell(t, query)), &answer); err != nil {
		t.Fatal(err)
	}
	var got, times []string
	for _, item := range answer.Items {
		at, _, _ := strings.Cut(item.At.S, "#")
		times = append(times, at)
		if item.Device.S != d.Thing {
			t.Errorf("a reading of %s", item.Device.S)
		}
		got = append(got, at+" "+string(must(json.Marshal(item.Measures.M))(t)))
	}
	if !slices.IsSorted(times) {
		t.Errorf("the readings have the times %v", times)
	}
	slices.Sort(want) // two readings of one millisecond are in any order
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("readings of the last hour (-want +got):\n%s", diff)
	}
}
