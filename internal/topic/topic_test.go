package topic

import (
	"errors"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		filter, name string
		want         bool
		why          string
	}{
		{"sensor/#", "sensor/", true, "an empty level is a level"},
		{"sensor/#", "sensor/temperature", true, "[IoT-SQL 5]"},
		{"sensor/#", "sensor/temperature/room1", true, "[IoT-SQL 5]"},
		{"sensor/#", "sensor", false, "MQTT covers the parent, AWS IoT does not"},
		{"sensor/#", "sensors", false, "levels match whole"},
		{"sensor/+/room1", "sensor/temperature/room1", true, "[IoT-SQL 5]"},
		{"sensor/+/room1", "sensor/temperature/room2", false, "[IoT-SQL 5]"},
		{"topic/subtopic", "topic/subtopic", true, "literal"},
		{"topic/subtopic", "topic/subtopic-2", false, "[IoT-SQL 5]"},
		{"topic/#", "topic/subtopic-3/details", true, "[IoT-SQL 5]"},
		{"topic/#", "topic-2/subtopic-x", false, "[IoT-SQL 5]"},
		{"topic/+", "topic/subtopic-2", true, "[IoT-SQL 5]"},
		{"topic/+", "topic/subtopic-3/details", false, "+ is one level"},
		{"topic/+", "topic", false, "+ is exactly one level"},
		{"topic/+", "topic/", true, "+ covers an empty level"},
		{"+/+/#", "a/b/c", true, "# combines with +"},
		{"+/+/#", "a/b", false, "the parent again"},
		{"#", "a", true, "everything"},
		{"#", "$aws/things/T", false, "a leading wildcard never covers reserved topics"},
		{"+/things/T", "$aws/things/T", false, "a leading wildcard never covers reserved topics"},
		{"$aws/things/+/shadow/update/delta", "$aws/things/T/shadow/update/delta", true, "named literally"},
		{"$aws/#", "$aws/things", true, "the wildcard does not lead"},
		{"A", "a", false, "topics are case-sensitive"},
		{"/a", "a", false, "a leading slash is an empty level"},
		{"", "a", false, "no filter"},
		{"#", "", false, "no name"},
	}
	for _, tt := range tests {
		if got := Match(tt.filter, tt.name); got != tt.want {
			t.Errorf("Match(%q, %q) = %t: %s", tt.filter, tt.name, got, tt.why)
		}
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		text         string
		name, filter error
		why          string
	}{
		{"a/b", nil, nil, "plain"},
		{"", ErrEmpty, ErrEmpty, "empty"},
		{"a/+/b", ErrWildcard, nil, "a filter may hold +"},
		{"a/#", ErrWildcard, nil, "a filter may end in #"},
		{"a/#/b", ErrWildcard, ErrHashNotLast, "# stands last"},
		{"a/b#", ErrWildcard, ErrHashAlone, "# stands alone"},
		{"a/+b", ErrWildcard, ErrPlusAlone, "+ stands alone"},
		{"1/2/3/4/5/6/7/8", nil, nil, "seven slashes"},
		{"1/2/3/4/5/6/7/8/", ErrTooDeep, ErrTooDeep, "eight slashes"},
		{"$aws/rules/r/1/2/3/4/5/6/7/8", nil, nil, "the Basic Ingest prefix does not count"},
		{"$aws/rules/r/1/2/3/4/5/6/7/8/9", ErrTooDeep, ErrTooDeep, "but the rest does"},
		{strings.Repeat("a", 256), nil, nil, "256 bytes"},
		{strings.Repeat("é", 129), ErrTooLong, ErrTooLong, "258 bytes in 129 characters"},
		{"a\x00b", ErrNull, ErrNull, "null character"},
		{"a\xffb", ErrEncoding, ErrEncoding, "not UTF-8"},
	}
	for _, tt := range tests {
		if err := ValidateName(tt.text); !errors.Is(err, tt.name) {
			t.Errorf("ValidateName(%q) = %v, want %v: %s", tt.text, err, tt.name, tt.why)
		}
		if err := ValidateFilter(tt.text); !errors.Is(err, tt.filter) {
			t.Errorf("ValidateFilter(%q) = %v, want %v: %s", tt.text, err, tt.filter, tt.why)
		}
	}
}

func TestLevel(t *testing.T) {
	tests := []struct {
		name string
		n    int
		want string
		ok   bool
	}{
		{"things/myThings/thingOne", 1, "things", true},
		{"things/myThings/thingOne", 3, "thingOne", true},
		{"things/myThings/thingOne", 4, "", false},
		{"things/myThings/thingOne", 0, "", false},
		{"things/myThings/thingOne", -1, "", false},
		{"a//b", 2, "", true},
		{"a/", 2, "", true},
	}
	for _, tt := range tests {
		if got, ok := Level(tt.name, tt.n); got != tt.want || ok != tt.ok {
			t.Errorf("Level(%q, %d) = %q, %t, want %q, %t", tt.name, tt.n, got, ok, tt.want, tt.ok)
		}
	}
}

func TestTrimBasicIngest(t *testing.T) {
	tests := []struct {
		name, rule, rest string
		ok               bool
	}{
		{
			"$aws/rules/BuildingManager/Buildings/Building5/Floor2/Room201/Lights",
			"BuildingManager",
			"Buildings/Building5/Floor2/Room201/Lights",
			true,
		},
		{"$aws/rules/r", "r", "", true},
		{"$aws/rules/", "", "", false},
		{"$aws/rules", "", "", false},
		{"$aws/things/T/shadow", "", "", false},
		{"rules/r/a", "", "", false},
	}
	for _, tt := range tests {
		rule, rest, ok := TrimBasicIngest(tt.name)
		if rule != tt.rule || rest != tt.rest || ok != tt.ok {
			t.Errorf("TrimBasicIngest(%q) = %q, %q, %t", tt.name, rule, rest, ok)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a/+/#", "a/b/c")
	f.Add("$aws/#", "$aws/rules/x")
	f.Fuzz(func(t *testing.T, filter, name string) {
		Match(filter, name) // must not panic
		if ValidateName(name) == nil && !Match(name, name) {
			t.Errorf("%q does not match itself", name)
		}
	})
}
