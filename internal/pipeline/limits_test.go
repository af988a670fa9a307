package pipeline

import (
	"slices"
	"testing"
)

func TestLimitText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		why   string
		limit Limit
		want  string
	}{
		{"a range", Limit{Min: 1, Max: 9}, "Must be between 1 and 9."},
		{"a default", Limit{Min: 0, Max: 9, Default: value(0)}, "Must be between 0 and 9. Defaults to `0`."},
		{"a value besides the range", Limit{Min: 60, Max: 90, Extra: value(-1)}, "Must be between 60 and 90, or -1."},
		{"a few values", Limit{Values: []int64{1, 3}, Default: value(3)}, "Must be one of 1, 3. Defaults to `3`."},
	} {
		if got := tc.limit.String(); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.why, got, tc.want)
		}
	}
}

func TestLimitAllows(t *testing.T) {
	t.Parallel()
	ranged, listed := Limit{Min: 60, Max: 90, Extra: value(-1)}, Limit{Values: []int64{1, 3}}
	for _, tc := range []struct {
		why   string
		limit Limit
		v     int64
		want  bool
	}{
		{"the lowest", ranged, 60, true},
		{"the highest", ranged, 90, true},
		{"the value besides the range", ranged, -1, true},
		{"between that value and the range", ranged, 0, false},
		{"too high", ranged, 91, false},
		{"listed", listed, 3, true},
		{"between two that are listed", listed, 2, false},
	} {
		if got := tc.limit.allows(tc.v); got != tc.want {
			t.Errorf("%s: %d is allowed: %v", tc.why, tc.v, got)
		}
	}
}

func TestChoiceText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		why    string
		choice Choice
		want   string
	}{
		{"a default", Choice{Values: []string{"a", "b"}, Default: "a"}, "Valid values: `a`, `b`. Defaults to `a`."},
		{"white space", Choice{Values: []string{"\n", ","}}, "Valid values: `\\n`, `,`."},
	} {
		if got := tc.choice.String(); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.why, got, tc.want)
		}
	}
}

// A default that is not allowed could not be written out.
func TestDefaultsAreAllowed(t *testing.T) {
	t.Parallel()
	problems := slices.Concat(Validate(Defaults(testSpec(t, "full")), nil), Validate(Defaults(testSpec(t, "queue")), nil))
	problems = slices.DeleteFunc(problems, func(p Problem) bool { return p.Warning })
	for _, p := range problems {
		t.Errorf("%s: %s", p.Path, p.Detail)
	}
}

// A route with the key of one of the pipeline's own rules would take its name.
func TestOwnRulesAreReserved(t *testing.T) {
	t.Parallel()
	var keys []string
	s := testSpec(t, "full")
	s.Archive = &ArchiveSpec{Delivery: ptr(DeliveryPerMessage)}
	for _, r := range newBuilder(s, testEnv()).ownRules() {
		keys = append(keys, r.key)
	}
	slices.Sort(keys)
	if want := slices.Sorted(slices.Values(reservedRoutes)); !slices.Equal(keys, want) {
		t.Errorf("the pipeline has the rules %v and reserves %v", keys, want)
	}
}
