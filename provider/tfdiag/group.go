package tfdiag

import (
	"errors"
	"fmt"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// group is parts that failed alike: a missing permission or a used-up quota stops every part of a kind, and another
// pipeline of the name has all its objects. It is reported once.
type group []*assembly.PartError

// alike is what the parts of a group have in common; parts without it stand alone.
type alike struct{ operation, kind, code, outcome, owner string }

func alikeOf(p *assembly.PartError) alike {
	var foreign *assembly.ForeignError
	if errors.As(p.Err, &foreign) {
		return alike{owner: foreign.Owner}
	}
	a := adviceOn(p.Err)
	if a.outcome == "" {
		return alike{}
	}
	return alike{string(p.Operation), p.Kind, awsapi.Code(p.Err), a.outcome, ""}
}

// grouped keeps the order of the first of each group.
func grouped(problems []*assembly.PartError) []group {
	var groups []group
	at := map[alike]int{}
	for _, p := range problems {
		key := alikeOf(p)
		if i, known := at[key]; known && key != (alike{}) {
			groups[i] = append(groups[i], p)
			continue
		}
		at[key] = len(groups)
		groups = append(groups, group{p})
	}
	return groups
}

func (g group) summary(run Run) string {
	first := g[0]
	more := ""
	if len(g) > 1 {
		more = fmt.Sprintf(" and %d more", len(g)-1)
	}
	var foreign *assembly.ForeignError
	switch {
	case errors.As(first.Err, &foreign) && len(g) > 1:
		return fmt.Sprintf("%s pipeline %q: %d of its objects belong to another pipeline", run.Doing, run.Name, len(g))
	case foreign != nil:
		return fmt.Sprintf("%s pipeline %q: %s %q belongs to someone else", run.Doing, run.Name, kind(first.Kind),
			first.Name)
	}
	return Summary(fmt.Sprintf("%s pipeline %q: %s %s %q%s failed", run.Doing, run.Name, first.Operation,
		kind(first.Kind), first.Name, more), first.Err)
}

func (g group) detail(next string) string {
	first := g[0]
	text, parts := explain(first.Err), "Part: "
	if len(g) > 1 {
		parts = "Parts: "
		var foreign *assembly.ForeignError
		if errors.As(first.Err, &foreign) {
			text = fmt.Sprintf("Objects of these names exist and belong to the pipeline with id %q.", foreign.Owner)
		}
	}
	keys := make([]string, len(g))
	for i, p := range g {
		keys[i] = p.Key
	}
	text += "\n\n" + next + "\n\n" + parts + list(keys)
	if facts := Facts(first.Err); facts != "" {
		if len(g) > 1 {
			return text + "\n" + facts
		}
		text += ", " + facts
	}
	return text
}
