// Package tfdiag is the one way from Go errors to what Terraform shows. A diagnostic says
// what happened, what exists now, what to do next, and then the raw facts.
package tfdiag

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// Detail writes an error, what to do about it, and the facts AWS gave.
func Detail(err error, next string) string {
	text := explain(err)
	if next != "" {
		text += "\n\n" + next
	}
	if facts := Facts(err); facts != "" {
		text += "\n\n" + facts
	}
	return text
}

// Facts are the raw facts of a failed AWS request on one line, or nothing.
func Facts(err error) string {
	d := awsapi.DetailOf(err)
	var facts []string
	for _, fact := range []struct{ name, value string }{
		{"Service", d.Service}, {"Operation", d.Operation}, {"AWS code", d.Code}, {"Request ID", d.RequestID},
	} {
		if fact.value != "" {
			facts = append(facts, fact.name+": "+fact.value)
		}
	}
	return strings.Join(facts, ", ")
}

// Problems adds what is wrong with a description, each at its argument. Terraform can
// show the line of an argument but not of what is nested in it, so the place within is in the text.
func Problems(diags *diag.Diagnostics, t tftypes.Type, problems []pipeline.Problem) {
	for _, p := range problems {
		steps, detail := tfvalue.Steps(p.Path), p.Detail
		if len(steps) > 1 {
			detail += "\n\nArgument: " + p.Path
		}
		var d diag.Diagnostic = diag.NewErrorDiagnostic(p.Summary, detail)
		if p.Warning {
			d = diag.NewWarningDiagnostic(p.Summary, detail)
		}
		if len(steps) > 0 {
			d = diag.WithPath(Path(t, steps[0]), d)
		}
		diags.Append(d)
	}
}

// Path turns a path as text into Terraform's, as far as type t has such a place. Elements of sets cannot be named;
// the set is.
func Path(t tftypes.Type, text string) path.Path {
	at := path.Empty()
	for _, step := range tfvalue.Steps(text) {
		switch typed := t.(type) {
		case tftypes.Object:
			member, ok := typed.AttributeTypes[step]
			if !ok {
				return at
			}
			at, t = at.AtName(step), member
		case tftypes.Map:
			at, t = at.AtMapKey(step), typed.ElementType
		case tftypes.List:
			index, err := strconv.Atoi(step)
			if err != nil {
				return at
			}
			at, t = at.AtListIndex(index), typed.ElementType
		default:
			return at
		}
	}
	return at
}

// Run describes one run of the engine for the diagnostics of its failure.
type Run struct {
	Doing string // "Creating", "Updating", "Deleting", "Reading"
	Name  string // of the pipeline
	// Done are the records after the run.
	Done []assembly.Record
	// Next says what the person can do.
	Next string
}

// Failure adds one diagnostic for each part that failed, and one for all that have the same cause. The first says
// what exists and what was skipped, so that no diagnostic needs the others to be understood and none repeats them.
func Failure(diags *diag.Diagnostics, err error, run Run) {
	var failure *assembly.Failure
	if !errors.As(err, &failure) {
		diags.AddError(Summary(fmt.Sprintf("%s pipeline %q failed", run.Doing, run.Name), err), Detail(err, run.Next))
		return
	}
	first := true
	next := func() string {
		if !first {
			return "See the first error for what exists and what to do next."
		}
		first = false
		return situation(failure, run)
	}
	for _, alike := range grouped(reportCommonCauses(diags, failure.Problems, run, next)) {
		diags.AddError(alike.summary(run), alike.detail(next()))
	}
	if len(failure.Problems) == 0 {
		diags.AddError(fmt.Sprintf("%s pipeline %q was interrupted", run.Doing, run.Name), next())
	}
}

// situation says what exists now and what to do next.
func situation(failure *assembly.Failure, run Run) string {
	var text strings.Builder
	if !failure.Wrote {
		text.WriteString("Nothing was changed.")
	} else {
		text.WriteString(existing(run.Done))
	}
	if keys := skipped(failure); keys != "" {
		text.WriteString("\nNot tried: " + keys + ".")
	}
	if run.Next != "" {
		text.WriteString("\n\n" + run.Next)
	}
	return text.String()
}

func existing(records []assembly.Record) string {
	var ready, other []string
	for _, r := range records {
		switch r.Status {
		case assembly.Ready:
			ready = append(ready, r.Key)
		case assembly.Missing:
		default:
			other = append(other, r.Key+" ("+string(r.Status)+")")
		}
	}
	text := "Exists now and is recorded: " + list(ready) + "."
	if len(other) > 0 {
		text += "\nRecorded and not finished: " + list(other) + "."
	}
	return text
}

func skipped(failure *assembly.Failure) string {
	keys := make([]string, len(failure.Skipped))
	for i, s := range failure.Skipped {
		keys[i] = s.Key
	}
	if len(keys) == 0 {
		return ""
	}
	return list(keys)
}

// maxListed bounds the keys that a message names.
const maxListed = 40

func list(keys []string) string {
	switch {
	case len(keys) == 0:
		return "nothing"
	case len(keys) > maxListed:
		return strings.Join(keys[:maxListed], ", ") + fmt.Sprintf(" and %d more", len(keys)-maxListed)
	}
	return strings.Join(keys, ", ")
}

func kind(k string) string { return strings.ReplaceAll(k, "_", " ") }

// Summary ends a summary with the outcome of the error, if the error is a likely one.
func Summary(text string, err error) string {
	if a := adviceOn(err); a.outcome != "" {
		return text + ": " + a.outcome
	}
	return text
}

// explain is the error as a sentence, and what to do about it. Of a failed request it keeps what AWS said; the
// transport's details, which the SDK writes before it, stand among the facts.
func explain(err error) string {
	text := sentence(plain(err))
	if a := adviceOn(err); a.text != "" {
		text += "\n" + a.text
	}
	return text
}

// plain is the error without the shape of a sentence.
func plain(err error) string {
	const sdk, id, sent = "operation error ", "RequestID: , ", "request send failed, "
	text := err.Error()
	if strings.Count(text, sdk) != 1 {
		return text
	}
	before, after, _ := strings.Cut(text, sdk)
	if d := awsapi.DetailOf(err); d.Message != "" {
		return before + d.Code + ": " + d.Message
	}
	for _, noise := range []string{sent, id} {
		if _, cause, failed := strings.Cut(after, noise); failed {
			return before + cause
		}
	}
	return text
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return text
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.ContainsAny(text[len(text)-1:], ".!?^") {
		text += "."
	}
	return text
}
