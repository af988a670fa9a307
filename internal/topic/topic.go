// Package topic knows AWS IoT's rules for topic names and topic filters: what is valid, what a filter matches, what is
// reserved. The rules engine, the device policy, the local broker and plan-time validation share it, so they all agree.
// It must not know its callers: it has no notion of rules, clients, sessions or Terraform.
package topic

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// AWS IoT's limits on a topic name or filter, without a Basic Ingest prefix. [IoT-SQL 5, 17 Limits]
const (
	MaxBytes   = 256 // bytes of UTF-8
	MaxSlashes = 7   // forward slashes, hence eight levels
)

// basicIngest is the prefix of a publish that goes straight to one rule. [IoT-SQL 5 Basic Ingest]
const basicIngest = "$aws/rules/"

// Errors in a name or filter; ValidateName and ValidateFilter wrap one of these with the detail.
var (
	ErrEmpty       = errors.New("is empty")
	ErrTooLong     = fmt.Errorf("is longer than %d bytes", MaxBytes)
	ErrTooDeep     = fmt.Errorf("has more than %d forward slashes", MaxSlashes)
	ErrEncoding    = errors.New("is not valid UTF-8")
	ErrNull        = errors.New("holds the null character")
	ErrWildcard    = errors.New("holds a wildcard")
	ErrPlusAlone   = errors.New("has a + that shares its level with other characters")
	ErrHashAlone   = errors.New("has a # that shares its level with other characters")
	ErrHashNotLast = errors.New("has a # before its last level")
)

// ValidateName reports why nobody may publish to s, or nil. The error wraps one of this package's Err values and
// quotes s.
func ValidateName(s string) error {
	if err := validate(s); err != nil {
		return fmt.Errorf("topic %q %w", s, err)
	}
	if strings.ContainsAny(s, "+#") {
		return fmt.Errorf("topic %q %w", s, ErrWildcard)
	}
	return nil
}

// ValidateFilter reports why s cannot be subscribed to or used in a rule's FROM, or nil. The error wraps one of this
// package's Err values and quotes s.
func ValidateFilter(s string) error {
	if err := validate(s); err != nil {
		return fmt.Errorf("topic filter %q %w", s, err)
	}
	if err := validateWildcards(s); err != nil {
		return fmt.Errorf("topic filter %q %w", s, err)
	}
	return nil
}

// validate checks what names and filters have in common. Limits do not count a Basic Ingest prefix.
func validate(s string) error {
	counted := s
	if _, rest, ok := TrimBasicIngest(s); ok {
		counted = rest
	}
	switch {
	case s == "":
		return ErrEmpty
	case !utf8.ValidString(s):
		return ErrEncoding
	case strings.IndexByte(s, 0) >= 0:
		return ErrNull
	case len(counted) > MaxBytes:
		return ErrTooLong
	case strings.Count(counted, "/") > MaxSlashes:
		return ErrTooDeep
	}
	return nil
}

func validateWildcards(filter string) error {
	for rest, more := filter, true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		switch {
		case strings.Contains(level, "#") && level != "#":
			return ErrHashAlone
		case level == "#" && more:
			return ErrHashNotLast
		case strings.Contains(level, "+") && level != "+":
			return ErrPlusAlone
		}
	}
	return nil
}

// Match reports whether filter covers a message published to name, for a subscription as for the FROM of a rule. Unlike
// in the MQTT specification, "a/#" does not cover "a" itself. A filter that starts with a wildcard does not cover names
// that start with "$". [IoT-SQL 5], [AWS IoT differences from MQTT specifications]
func Match(filter, name string) bool {
	if filter == "" || name == "" {
		return false
	}
	if Reserved(name) && (filter[0] == '#' || filter[0] == '+') {
		return false
	}
	for {
		level, restFilter, moreFilter := strings.Cut(filter, "/")
		if level == "#" && !moreFilter {
			return true
		}
		got, restName, moreName := strings.Cut(name, "/")
		if level != "+" && level != got {
			return false
		}
		if !moreFilter || !moreName {
			return moreFilter == moreName
		}
		filter, name = restFilter, restName
	}
}

// Level returns the n-th level of name, counted from 1 as the SQL function topic(n) does, and whether there is one.
func Level(name string, n int) (string, bool) {
	if n < 1 {
		return "", false
	}
	for ; n > 1; n-- {
		_, rest, ok := strings.Cut(name, "/")
		if !ok {
			return "", false
		}
		name = rest
	}
	level, _, _ := strings.Cut(name, "/")
	return level, true
}

// Reserved reports whether s starts with "$", which AWS keeps for its own topics.
func Reserved(s string) bool {
	return strings.HasPrefix(s, "$")
}

// TrimBasicIngest splits "$aws/rules/<rule>/<rest>" into the rule's name and the topic that the rule sees; ok is
// false for every other topic. [IoT-SQL 5 Basic Ingest]
func TrimBasicIngest(name string) (rule, rest string, ok bool) {
	tail, found := strings.CutPrefix(name, basicIngest)
	if !found {
		return "", "", false
	}
	rule, rest, _ = strings.Cut(tail, "/")
	if rule == "" {
		return "", "", false
	}
	return rule, rest, true
}
