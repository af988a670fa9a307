package tfdiag

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
)

func TestPath(t *testing.T) {
	device := tftypes.Object{
		AttributeTypes: map[string]tftypes.Type{"attributes": tftypes.Map{ElementType: tftypes.String}},
	}
	root := tftypes.Object{AttributeTypes: map[string]tftypes.Type{
		"name":    tftypes.String,
		"devices": tftypes.Map{ElementType: device},
		"list":    tftypes.List{ElementType: device},
		"set":     tftypes.Set{ElementType: device},
	}}
	for text, want := range map[string]string{
		"name":                           "name",
		`devices["soil-001"]`:            `devices["soil-001"]`,
		`devices["a.b"].attributes["x"]`: `devices["a.b"].attributes["x"]`,
		`devices.soil.attributes.bay`:    `devices["soil"].attributes["bay"]`,
		`list[2].attributes`:             `list[2].attributes`,
		// elements of a set have no place that can be named
		`set[0].attributes`:                  `set`,
		`devices["soil-001"].nothing.deeper`: `devices["soil-001"]`, // as far as it goes
	} {
		if got := Path(root, text).String(); got != want {
			t.Errorf("Path(%s) = %s, want %s", text, got, want)
		}
	}
}

func TestFailureSaysWhatExistsOnce(t *testing.T) {
	failure := &assembly.Failure{Wrote: true,
		Problems: []*assembly.PartError{
			{
				Key:       "bucket",
				Kind:      "s3_bucket",
				Name:      "b",
				Operation: assembly.Creating,
				Err:       errors.New("out of space"),
			},
			{
				Key:       "stream",
				Kind:      "kinesis_stream",
				Name:      "s",
				Operation: assembly.Waiting,
				Err:       errors.New("out of time"),
			},
		},
		Skipped: []assembly.Skip{{Key: "event_source", Because: []string{"stream"}}},
	}
	var diags diag.Diagnostics
	Failure(
		&diags,
		fmt.Errorf("around: %w", failure),
		Run{Doing: "Creating", Name: "p", Next: "Do this.", Done: []assembly.Record{
			{
				Key:    "manifest",
				Status: assembly.Ready,
			}, {Key: "stream", Status: assembly.Incomplete}, {Key: "gone", Status: assembly.Missing}}},
	)
	var got []string
	for _, d := range diags {
		got = append(got, d.Summary()+"\n"+d.Detail())
	}
	want := []string{
		"Creating pipeline \"p\": creating s3 bucket \"b\" failed\nOut of space.\n\n" +
			"Exists now and is recorded: manifest.\nRecorded and not finished: stream (incomplete).\nNot tried: " +
			"event_source.\n\nDo this.\n\nPart: bucket",
		"Creating pipeline \"p\": waiting for kinesis stream \"s\" failed\nOut of time.\n\nSee the first error for " +
			"what exists and what to do next.\n\nPart: stream",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFailureBeforeTheFirstWrite(t *testing.T) {
	failure := &assembly.Failure{Problems: []*assembly.PartError{
		{
			Key:       "stream",
			Kind:      "kinesis_stream",
			Name:      "s",
			Operation: assembly.Reading,
			Err:       &assembly.ForeignError{Owner: "other"},
		}}}
	var diags diag.Diagnostics
	Failure(&diags, failure, Run{Doing: "Creating", Name: "p"})
	if got := diags[0].Summary(); got != `Creating pipeline "p": kinesis stream "s" belongs to someone else` {
		t.Errorf("summary: %s", got)
	}
	if got := diags[0].Detail(); !strings.Contains(got, "Nothing was changed.") {
		t.Errorf("detail: %s", got)
	}
}

func TestOneCauseIsToldOnce(t *testing.T) {
	failure := &assembly.Failure{Wrote: true, Problems: []*assembly.PartError{
		{
			Key:       "a",
			Kind:      "kinesis_stream",
			Name:      "s",
			Operation: assembly.Waiting,
			Err:       fmt.Errorf("waiting until it is active: %w", context.DeadlineExceeded),
		},
		{Key: "b", Kind: "s3_bucket", Name: "b", Operation: assembly.Creating, Err: context.Canceled},
		{Key: "c", Kind: "sqs_queue", Name: "q", Operation: assembly.Creating, Err: context.Canceled},
		{Key: "d", Kind: "iot_policy", Name: "p", Operation: assembly.Creating, Err: errors.New("out of space")},
	}}
	var diags diag.Diagnostics
	Failure(&diags, failure, Run{Doing: "Creating", Name: "p", Next: "Do this."})
	const see = "See the first error for what exists and what to do next."
	want := []struct{ summary, detail string }{
		{`Creating pipeline "p" was interrupted`, "Do this.\n\nParts: b, c"},
		{`Creating pipeline "p" ran out of time`, "\n- waiting for kinesis stream \"s\": waiting until it is active\n"},
		{`Creating pipeline "p": creating iot policy "p" failed`, "Out of space."},
	}
	if len(diags) != len(want) {
		t.Fatalf("got %d diagnostics, want %d: %v", len(diags), len(want), diags)
	}
	for i, d := range diags {
		if d.Summary() != want[i].summary || !strings.Contains(d.Detail(), want[i].detail) ||
			(i > 0) != strings.Contains(d.Detail(), see) {
			t.Errorf("%d: %s\n%s\nwant %+v", i, d.Summary(), d.Detail(), want[i])
		}
	}
}
