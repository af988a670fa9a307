package faultsweep

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
)

// taggedParts are the parts whose tags take a request of their own, by key.
func taggedParts(t *testing.T, r run) map[string]bool {
	t.Helper()
	tagged := map[string]bool{}
	for _, p := range r.parts {
		_, is := wanted(p).(assembly.Tagged)
		if can := awstest.TaggedApart(p.Kind); is != can {
			t.Errorf("%s: a refresh looks for other tags of a %s: %v; the test can change them: %v", p.Key, p.Kind, is,
				can)
		}
		tagged[p.Key] = is
	}
	return tagged
}

// wanted is the spec of a part, whatever its needs are.
func wanted(p assembly.Part) any {
	needs := assembly.Upstream{}
	for _, key := range p.Needs {
		needs[key] = assembly.Record{Key: key, ID: "id", ARN: "arn:aws:x:us-east-1:123456789012:x",
			Outputs: map[string]string{"url": "https://sqs.us-east-1.amazonaws.com/123456789012/x"}}
	}
	want, err := p.Want(needs)
	if err != nil {
		return nil
	}
	return want
}

// A tag of each part changes by hand: the refresh names it, and the apply puts it back.
func TestTagsChangedByHand(t *testing.T) {
	a := newLocalAWS(t)
	records, err := a.apply(sweepSpec(1), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	account := awstest.Account{Clients: a.clients()}
	tagged := taggedParts(t, a.run(sweepSpec(1), token))
	for i, r := range records {
		if tagged[r.Key] {
			account.SetTag(t, r, "changed", []string{"by hand", "by another hand"}[i%2])
		}
	}
	seen, err := a.refresh(sweepSpec(1), token, records)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range seen {
		want := assembly.Ready
		if tagged[r.Key] {
			want = "drifted: tags"
		}
		if r.Status != want {
			t.Errorf("%s is %q, not %q", r.Key, r.Status, want)
		}
	}
	if records, err = a.apply(sweepSpec(1), token, records); err != nil {
		t.Fatal(err)
	}
	if seen, err = a.refresh(sweepSpec(1), token, records); err != nil {
		t.Fatal(err)
	}
	for _, r := range seen {
		if r.Status != assembly.Ready {
			t.Errorf("after the apply, %s is %q", r.Key, r.Status)
		}
	}
}

// The owner tags are removed by hand: the objects are nobody's then. The refresh says so, an apply changes nothing, and
// a destroy leaves them.
func TestOwnerTagsRemovedByHand(t *testing.T) {
	a := newLocalAWS(t)
	records, err := a.apply(sweepSpec(1), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	tagged := taggedParts(t, a.run(sweepSpec(1), token))
	account := awstest.Account{Clients: a.clients()}
	for _, r := range records {
		if tagged[r.Key] {
			account.RemoveTag(t, r, spec.OwnerTag)
		}
	}
	seen, err := a.refresh(sweepSpec(1), token, records)
	if err != nil {
		t.Fatal(err)
	}
	var foreign []assembly.Record
	for _, r := range seen {
		if !tagged[r.Key] {
			continue
		}
		if foreign = append(foreign, r); r.Status != assembly.Foreign {
			t.Errorf("%s is %q", r.Key, r.Status)
		}
	}
	before := a.leftovers()
	a.proxy.Clear()
	_, err = a.apply(sweepSpec(1), token, records)
	var problem *assembly.Failure
	if !errors.As(err, &problem) || problem.Wrote || len(problem.Problems) < len(foreign) {
		t.Errorf("applying over %d objects without an owner: %v", len(foreign), err)
	}
	if _, err := a.destroy(token, foreign); err != nil {
		t.Errorf("destroy: %v", err)
	}
	for _, r := range a.proxy.Requests() {
		if r.Write {
			t.Errorf("the refused apply or the destroy wrote: %s %s", r.Service, r.Name)
		}
	}
	if after := a.leftovers(); !slices.Equal(before, after) {
		t.Errorf("something is gone:\nbefore %v\nafter  %v", before, after)
	}
}

// The index fails, or is behind and knows nothing: the refresh says the same as without it.
func TestRefreshWithoutTheIndexOfTags(t *testing.T) {
	a := newLocalAWS(t)
	records, err := a.apply(sweepSpec(1), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]func() (int, string){
		"no permission": func() (int, string) { return http.StatusBadRequest, `{"__type":"AccessDeniedException"}` },
		"an outage":     func() (int, string) { return http.StatusInternalServerError, `{}` },
		"not there":     func() (int, string) { return http.StatusNotFound, `not found` },
		"nothing yet":   func() (int, string) { return http.StatusOK, `{"ResourceTagMappingList":[]}` },
	} {
		t.Run(name, func(t *testing.T) {
			c := a.clientsWith(func(r *http.Request) *http.Response {
				if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetResources") {
					return nil
				}
				status, body := answer()
				return &http.Response{StatusCode: status, Request: r, Body: io.NopCloser(strings.NewReader(body)),
					Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}}
			})
			r := newRun(t, c, sweepSpec(1), token)
			seen, err := r.engine.Observe(t.Context(), r.parts, records)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range seen {
				if r.Status != assembly.Ready {
					t.Errorf("%s is %q", r.Key, r.Status)
				}
			}
		})
	}
}
