package pipeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

var recentMistakes = []mistake{
	{
		"no hour at all",
		func(s *Spec) { s.Recent = &RecentSpec{Hours: ptr(int64(0))} },
		"recent.hours",
		[]string{"between 1 and 8760"},
	},
	{
		"more than a year",
		func(s *Spec) { s.Recent = &RecentSpec{Hours: ptr(int64(8761))} },
		"recent.hours",
		[]string{"between 1 and 8760"},
	},
}

// TestRecent: an empty block is enough, and without it nothing of the capability exists.
func TestRecent(t *testing.T) {
	without, with := Spec{Name: "min"}, Spec{Name: "min", Recent: &RecentSpec{}}
	if out := OutputsOf(without, testEnv(), nil); out.ReadingsTableName != nil || out.RecentReaderPolicyJSON != nil {
		t.Errorf("outputs without recent: %v, %v", out.ReadingsTableName, out.RecentReaderPolicyJSON)
	}
	before := build(t, without)
	want := []string{"event_source", "function/processor", "manifest", "recent/table", "role/processor"}
	if diff := cmp.Diff(want, Changed(before, build(t, with), records(before))); diff != "" {
		t.Errorf("parts that recent changes (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		recent *RecentSpec
		hours  string
	}{{with.Recent, "48"}, {&RecentSpec{Hours: ptr(int64(7))}, "7"}} {
		wants := resolve(t, build(t, Spec{Name: "min", Recent: c.recent}))
		f, ok := wants["function/processor"].(spec.Function)
		if !ok || f.Environment["IOT_READINGS_TABLE"] != "min-readings" ||
			f.Environment["IOT_READINGS_HOURS"] != c.hours {
			t.Errorf("the processor's environment is %v, want %s hours", f.Environment, c.hours)
		}
	}
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:GetItem",` +
		`"dynamodb:Query"],"Resource":["arn:aws:dynamodb:eu-west-1:123456789012:table/min-readings"]}]}`
	out := OutputsOf(with, testEnv(), nil)
	if diff := cmp.Diff([]string{"min-readings", policy}, []string{*out.ReadingsTableName,
		*out.RecentReaderPolicyJSON}); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}
