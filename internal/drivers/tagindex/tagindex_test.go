package tagindex

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
)

const (
	queue    = "arn:aws:sqs:us-east-1:123456789012:greenhouse"
	group    = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/greenhouse"
	rule     = "arn:aws:iot:us-east-1:123456789012:rule/greenhouse"
	policy   = "arn:aws:iot:us-east-1:123456789012:policy/greenhouse"
	bucket   = "arn:aws:s3:::greenhouse"
	board    = "arn:aws:cloudwatch::123456789012:dashboard/greenhouse"
	database = "arn:aws:glue:us-east-1:123456789012:database/greenhouse"
)

// entry is an object as the index has it.
func entry(arn string, tags map[string]string) map[string]any {
	list := []map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, map[string]string{"Key": key, "Value": tags[key]})
	}
	return map[string]any{"ResourceARN": arn, "Tags": list}
}

func owned(team string) map[string]string {
	return map[string]string{spec.OwnerTag: drivertest.Owner, "team": team, "aws:cloudformation:stack-name": "x"}
}

// index is one that has these objects.
func index(t *testing.T, entries ...map[string]any) *Index {
	t.Helper()
	clients := drivertest.Stub(t, func(operation string, _ map[string]any) string {
		text, err := json.Marshal(map[string]any{"ResourceTagMappingList": entries, "PaginationToken": ""})
		if err != nil || operation != "GetResources" {
			t.Errorf("%s: %v", operation, err)
		}
		return string(text)
	})
	return New(clients, func(_ context.Context, err error) { t.Errorf("the index cannot be read: %v", err) })
}

func TestSuspects(t *testing.T) {
	for _, tc := range []struct {
		why     string
		entries []map[string]any
		arns    []string
		want    []string
	}{
		{why: "nothing differs", arns: []string{queue, bucket, rule},
			entries: []map[string]any{entry(queue, owned("farm")), entry(bucket, owned("farm")),
				entry(rule, owned("farm"))}},
		{why: "another value", arns: []string{queue}, want: []string{queue},
			entries: []map[string]any{entry(queue, owned("other"))}},
		{why: "without the owner tag", arns: []string{queue}, want: []string{queue},
			entries: []map[string]any{entry(queue, map[string]string{"team": "farm"})}},
		{why: "of another owner", arns: []string{queue}, want: []string{queue},
			entries: []map[string]any{
				entry(queue, map[string]string{spec.OwnerTag: drivertest.Other, "team": "farm"})}},
		{why: "the ARN of a log group in its longer form", arns: []string{group},
			entries: []map[string]any{entry(group+":*", owned("farm"))}},
		{why: "absent, of a service that the index has", arns: []string{queue, bucket}, want: []string{queue, bucket}},
		{why: "absent, of a service of which the index has nothing", arns: []string{rule, database}},
		{why: "absent, of a service of which the index has something", arns: []string{rule, policy},
			entries: []map[string]any{entry(policy, owned("farm"))}, want: []string{rule}},
		{why: "absent, without a region", arns: []string{board}},
		{why: "there, without a region", arns: []string{board}, want: []string{board},
			entries: []map[string]any{entry(board, owned("other"))}},
		{why: "nothing that was not asked for", arns: []string{queue},
			entries: []map[string]any{entry(queue, owned("farm")), entry(bucket, owned("other"))}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			wanted := map[string]map[string]string{}
			for _, arn := range tc.arns {
				wanted[arn] = map[string]string{"team": "farm"}
			}
			got := slices.Sorted(maps.Keys(index(t, tc.entries...).Suspects(t.Context(), drivertest.Owner, wanted)))
			slices.Sort(tc.want)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A request names a hundred ARNs at most, and nothing that AWS refuses beside them.
func TestManyObjects(t *testing.T) {
	var sizes []int
	clients := drivertest.Stub(t, func(_ string, input map[string]any) string {
		arns, _ := input["ResourceARNList"].([]any)
		if sizes = append(sizes, len(arns)); len(input) != 1 {
			t.Errorf("the request has more than a list of ARNs: %v", input)
		}
		return `{"ResourceTagMappingList":[]}`
	})
	wanted := map[string]map[string]string{}
	for i := range 201 {
		wanted[fmt.Sprintf("%s-%d", queue, i)] = nil
	}
	x := New(clients, func(_ context.Context, err error) { t.Error(err) })
	got := x.Suspects(t.Context(), drivertest.Owner, wanted)
	if len(got) != 201 || !slices.Equal(sizes, []int{100, 100, 1}) {
		t.Errorf("%d suspects, requests of %v", len(got), sizes)
	}
}

// Whoever may not read the index goes on without it, hears of it once, and does not ask again.
func TestFailure(t *testing.T) {
	requests, told := 0, []string{}
	clients := drivertest.Stub(t, func(string, map[string]any) string {
		requests++
		return `{"__type":"AccessDeniedException","message":"User is not authorized to perform: tag:GetResources"}`
	})
	x := New(clients, func(_ context.Context, err error) { told = append(told, err.Error()) })
	for range 2 {
		if got := x.Suspects(t.Context(), drivertest.Owner, map[string]map[string]string{queue: nil}); len(got) > 0 {
			t.Errorf("suspects %v", got)
		}
	}
	if requests != 1 || len(told) != 1 || !strings.Contains(told[0], "tag:GetResources") {
		t.Errorf("%d requests, told %q", requests, told)
	}
}

// An operation that was interrupted says nothing about the index.
func TestInterrupted(t *testing.T) {
	x := New(drivertest.Stub(t, func(string, map[string]any) string { return `{}` }),
		func(_ context.Context, err error) { t.Error(err) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := x.Suspects(ctx, drivertest.Owner, map[string]map[string]string{queue: nil}); got != nil || x.off.Load() {
		t.Errorf("%v; off: %v", got, x.off.Load())
	}
}
