package faultsweep

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// other is the owner token of somebody else.
const other = "01900000-0000-7000-8000-00000000000b"

// Everything has been replaced by objects of somebody else under the same names: whether the records are at hand or
// not, an apply changes nothing and says so, and a destroy deletes nothing.
func TestForeignObjectsEverywhere(t *testing.T) {
	a := newLocalAWS(t)
	records, err := a.apply(sweepSpec(1), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := a.leftovers()
	for i, r := range records { // under the name is theirs; nobody can make a certificate with the ID of ours
		if r.Kind == spec.KindClaimCertificate {
			records[i].ID = strings.Repeat("0", 64)
		}
	}
	for name, prior := range map[string][]assembly.Record{"with records": records, "without records": nil} {
		a.proxy.Clear()
		_, err := a.apply(sweepSpec(2), other, prior)
		var foreign *assembly.ForeignError
		if !errors.As(err, &foreign) || foreign.Owner != token {
			t.Errorf("%s: applying over somebody else's pipeline: %v", name, err)
		}
		for _, r := range a.proxy.Requests() {
			if r.Write {
				t.Errorf("%s: the refused apply wrote: %s %s", name, r.Service, r.Name)
			}
		}
	}
	r := a.run(sweepSpec(1), other)
	seen, err := r.engine.Observe(a.t.Context(), r.parts, records)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.destroy(other, seen); err != nil {
		t.Errorf("destroy: %v", err)
	}
	if after := a.leftovers(); !slices.Equal(before, after) {
		t.Errorf("the destroy of one pipeline took from another:\nbefore %v\nafter  %v", before, after)
	}
}

// Everything is deleted behind the provider's back. What is read says so, and an apply makes it all again.
func TestEverythingIsDeletedByHand(t *testing.T) {
	a := newLocalAWS(t)
	records, err := a.apply(sweepSpec(1), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.server.Reset(t)
	r := a.run(sweepSpec(1), token)
	seen, err := r.engine.Observe(a.t.Context(), r.parts, records)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range seen {
		if rec.Status == assembly.Ready {
			t.Errorf("part %s is ready, and gone", rec.Key)
		}
	}
	records, err = a.apply(sweepSpec(1), token, records)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range a.deviceProblems(sweepSpec(1), 0) {
		t.Error(problem)
	}
	if left, err := a.destroy(token, records); err != nil || len(left) != 0 {
		t.Errorf("destroy: %v, left %v", err, left)
	}
	if orphans := a.leftovers(); len(orphans) != 0 {
		t.Errorf("orphans: %v", orphans)
	}
}

// goneWith are parts that have to go first, for AWS to let another one go.
var goneWith = map[string]string{
	"thing_type":                 "fleet",
	"timestream/database":        "timestream/table",
	"provisioning/jitp_template": "provisioning/ca",
}

// Each part is deleted by hand, one at a time: the refresh says so, an apply makes it again with whatever is built on
// it, and a further apply has nothing to write. Then there are as many objects of each kind as before.
func TestOnePartIsDeletedByHand(t *testing.T) {
	t.Parallel()
	t.Run("stream", func(t *testing.T) { t.Parallel(); onePartIsDeleted(t, life[0]) })
	t.Run("queue", func(t *testing.T) { t.Parallel(); onePartIsDeleted(t, stage{"create", queued, 0}) })
}

func onePartIsDeleted(t *testing.T, made stage) {
	a := newLocalAWS(t)
	records, err := made.run(a, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.server.Save(t, "whole")
	before := kinds(a.leftovers())
	for _, r := range records {
		t.Run(r.Key, func(t *testing.T) {
			s := &sweep{
				localAWS: &localAWS{t: t, server: a.server, proxy: a.proxy, client: a.client, attempts: a.attempts},
				t:        t,
				stage:    made,
				name:     r.Key + " deleted",
			}
			s.server.Restore(t, "whole")
			gone := slices.DeleteFunc(slices.Clone(records),
				func(o assembly.Record) bool { return o.Key != r.Key && o.Key != goneWith[r.Key] })
			if left, err := s.destroy(token, gone); err != nil || len(left) > 0 {
				t.Fatal(err)
			}
			seen, err := s.refresh(sweepSpec(made.version), token, records)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range seen {
				if o.Key == r.Key && o.Status == assembly.Ready {
					t.Errorf("it is %q", o.Status)
				}
			}
			after, err := s.stage.run(s.localAWS, seen)
			if err != nil {
				t.Fatal(err)
			}
			s.complete(after)
			if now := kinds(s.leftovers()); !maps.Equal(now, before) {
				t.Errorf("there are %v, and were %v", now, before)
			}
		})
	}
}

// kinds counts objects, as leftovers gives them, by kind.
func kinds(objects []string) map[string]int {
	counts := map[string]int{}
	for _, object := range objects {
		counts[object[:strings.LastIndexByte(object, ' ')]]++
	}
	return counts
}

// inOurs are parts, by the beginning of their keys, of which there is no foreign one beside ours, and why.
var inOurs = map[string]string{
	"api/gateway":                "another API of the name is another object: names are not unique",
	"api/routes":                 "they are in the pipeline's API",
	"api/stage":                  "it is in the pipeline's API",
	"alert_rules":                "an item of the device table: whose the table is decides",
	"schedule/":                  "it is in the pipeline's schedule group",
	"silence":                    "an item of the device table, as alert_rules",
	"subscription/":              "it is on the pipeline's topic, and cannot carry a tag",
	"timestream/":                "a table keeps its database from being deleted, whose ever it is",
	"fleet":                      "things are looked at one by one: internal/drivers/fleet has the cases",
	"thing_type":                 "things keep it from being deleted by hand",
	"provisioning/ca":            "theirs would name our template, and keep it from being deleted",
	"archive/log_stream":         "it is in the pipeline's log group",
	"archive/query/":             "it is in the pipeline's workgroup",
	"archive/table":              "it goes with the pipeline's database",
	"archive/view":               "it goes with the pipeline's database",
	"metrics/export_table":       "it goes with the pipeline's database",
	"provisioning/jitp_template": "the authority keeps it from being deleted by hand",
	"greengrass/gateways":        "it is in the pipeline's thing group",
}

// One part has been deleted by hand and somebody else has made the same under its name: an apply refuses without a
// write and names the part, also where the refresh does not see it, and a destroy takes everything but that object.
func TestOnePartIsForeign(t *testing.T) {
	t.Parallel()
	t.Run("stream", func(t *testing.T) { t.Parallel(); eachPartIsForeign(t, sweepSpec(1)) })
	t.Run("queue", func(t *testing.T) { t.Parallel(); eachPartIsForeign(t, sweepSpec(queued)) })
}

func eachPartIsForeign(t *testing.T, s pipeline.Spec) {
	a := newLocalAWS(t)
	records, err := a.apply(s, token, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.server.Save(t, "whole")
	for _, r := range records {
		if within(r.Key, inOurs) {
			continue
		}
		t.Run(r.Key, func(t *testing.T) {
			b := *a
			b.t = t
			b.server.Restore(t, "whole")
			b.onePartIsForeign(s, r, records)
		})
	}
}

func within(key string, prefixes map[string]string) bool {
	for prefix := range prefixes {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

func (a *localAWS) onePartIsForeign(s pipeline.Spec, r assembly.Record, records []assembly.Record) {
	theirs := a.replace(s, r, records)
	seen, err := a.refresh(s, token, records)
	if err != nil {
		a.t.Fatal(err)
	}
	a.proxy.Clear()
	_, err = a.apply(s, token, seen)
	var failure *assembly.Failure
	var foreign *assembly.ForeignError
	if !errors.As(err, &failure) || len(failure.Problems) != 1 || failure.Problems[0].Key != r.Key || failure.Wrote ||
		!errors.As(err, &foreign) ||
		foreign.Owner != other {
		a.t.Errorf("applying: %v", err)
	}
	for _, q := range a.proxy.Requests() {
		if q.Write {
			a.t.Errorf("the refused apply wrote: %s %s", q.Service, q.Name)
		}
	}
	if left, err := a.destroy(token, seen); err != nil || len(left) != 0 {
		a.t.Errorf("destroying: %v, still recorded: %v", err, left)
	}
	if left := a.leftovers(); len(theirs) == 0 || !slices.Equal(left, theirs) {
		a.t.Errorf("left is %v, want %v", left, theirs)
	}
}

// replace deletes a part as if by hand, makes the same under another token, and gives what that shows as.
func (a *localAWS) replace(s pipeline.Spec, r assembly.Record, records []assembly.Record) []string {
	mine, theirs := a.run(s, token), a.run(s, other)
	if left, err := mine.engine.Destroy(a.t.Context(), []assembly.Record{r}); err != nil || len(left) > 0 {
		a.t.Fatal(err)
	}
	without := a.leftovers()
	upstream := assembly.Upstream{}
	for _, o := range records {
		upstream[o.Key] = o
	}
	for _, p := range theirs.parts {
		if p.Key != r.Key {
			continue
		}
		want, err := p.Want(upstream)
		if err != nil {
			a.t.Fatal(err)
		}
		p.Needs, p.Want = nil, func(assembly.Upstream) (any, error) { return want, nil }
		if _, err := theirs.engine.Apply(a.t.Context(), []assembly.Part{p}, nil, all); err != nil {
			a.t.Fatal(err)
		}
	}
	return slices.DeleteFunc(a.leftovers(), func(o string) bool { return slices.Contains(without, o) })
}
