package assembly

import (
	"fmt"
	"slices"
	"strings"
)

// Operation says what was done to a part when something happened.
type Operation string

// Operations in the order in which a part can meet them.
const (
	Reading   Operation = "reading"
	Creating  Operation = "creating"
	Updating  Operation = "updating"
	Replacing Operation = "replacing"
	Waiting   Operation = "waiting for"
	Retiring  Operation = "retiring"
	Deleting  Operation = "deleting"
)

// PartError is what went wrong with one part.
type PartError struct {
	Key, Kind, Name string
	Operation       Operation
	Err             error
}

func (e *PartError) Error() string {
	return fmt.Sprintf("%s: %s %s %q: %v", e.Key, e.Operation, strings.ReplaceAll(e.Kind, "_", " "), e.Name, e.Err)
}

func (e *PartError) Unwrap() error { return e.Err }

// ForeignError says that an object under one of our names is not ours.
type ForeignError struct {
	Owner string // the token it carries; empty when none
	// Detail replaces the general text where a driver can say more, such as which of many objects are not ours.
	Detail string
}

func (e *ForeignError) Error() string {
	if e.Detail != "" {
		return e.Detail
	}
	if e.Owner == "" {
		return "an object of that name exists and does not belong to any pipeline; nothing is adopted by name alone"
	}
	return fmt.Sprintf("an object of that name exists and belongs to the pipeline with id %q", e.Owner)
}

// Skip is a part that was not tried because of others.
type Skip struct {
	Key     string
	Because []string // keys; empty when the run was interrupted
}

// Failure is every error of a run, in key order, and what was left out.
type Failure struct {
	Problems []*PartError
	Skipped  []Skip
	// Wrote says whether any write was tried. When false nothing has changed.
	Wrote bool
}

func (f *Failure) Error() string {
	lines := make([]string, 0, len(f.Problems)+1)
	for _, p := range f.Problems {
		lines = append(lines, p.Error())
	}
	if len(f.Skipped) > 0 {
		keys := make([]string, len(f.Skipped))
		for i, s := range f.Skipped {
			keys[i] = s.Key
		}
		lines = append(lines, "not tried: "+strings.Join(keys, ", "))
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the errors of all parts, for errors.Is and errors.As.
func (f *Failure) Unwrap() []error {
	errs := make([]error, len(f.Problems))
	for i, p := range f.Problems {
		errs[i] = p
	}
	return errs
}

// orNil is the Failure as an error, or nil when nothing went wrong.
func (f *Failure) orNil() error {
	if len(f.Problems) == 0 && len(f.Skipped) == 0 {
		return nil
	}
	slices.SortFunc(f.Problems, func(a, b *PartError) int { return strings.Compare(a.Key, b.Key) })
	slices.SortFunc(f.Skipped, func(a, b Skip) int { return strings.Compare(a.Key, b.Key) })
	return f
}
