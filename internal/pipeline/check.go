package pipeline

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong with a description, or worth a second look.
type Problem struct {
	Path    string // of the attribute, such as alerts.rules["dry"].when
	Summary string // names the thing and the outcome
	Detail  string // what is wrong, why, and what to do
	Warning bool   // the pipeline can be built anyway
}

// ProblemError is a problem that only a plan finds, because it reads a file or knows the caller.
type ProblemError struct {
	Problem
	Err error // of reading the file; nil if the file was read
}

func (e *ProblemError) Error() string { return e.Summary + ": " + e.Detail }

func (e *ProblemError) Unwrap() error { return e.Err }

// checker collects problems. Values that are not known yet are left for the
// plan that knows them.
type checker struct {
	unknown  func(path string) bool
	region   string // "" when not known
	problems []Problem
}

func (c *checker) fail(path, summary, detail string, args ...any) {
	c.problems = append(c.problems, Problem{Path: path, Summary: summary, Detail: fmt.Sprintf(detail, args...)})
}

func (c *checker) warn(path, summary, detail string, args ...any) {
	c.problems = append(
		c.problems,
		Problem{Path: path, Summary: summary, Detail: fmt.Sprintf(detail, args...), Warning: true},
	)
}

// errors returns the problems that are not warnings.
func (c *checker) errors() []error {
	var errs []error
	for _, p := range c.problems {
		if !p.Warning {
			errs = append(errs, errors.New(p.Summary+". "+p.Detail))
		}
	}
	return errs
}

// known reports whether the value at path can be checked now.
func (c *checker) known(path string) bool { return c.unknown == nil || !c.unknown(path) }

// number checks a value against its limit.
func (c *checker) number(path string, v *int64, limit Limit) {
	if v == nil || !c.known(path) || limit.allows(*v) {
		return
	}
	c.fail(path, fmt.Sprintf("%s is out of range", lastName(path)),
		"%d is not %s, which is what %s allows. Choose a value that is allowed.", *v, limit.allowed(), limit.Source)
}

// choice checks that a value is one of those allowed.
func (c *checker) choice(path string, v *string, allowed Choice) {
	if v == nil || !c.known(path) || slices.Contains(allowed.Values, *v) {
		return
	}
	c.fail(path, fmt.Sprintf("%s has an unknown value", lastName(path)), "%q is not one of %s.%s",
		*v, quoted(allowed.Values), didYouMean(*v, allowed.Values))
}

// text checks a string against a pattern; rule says in words what the pattern says.
func (c *checker) text(path, v string, pattern *regexp.Regexp, rule string) bool {
	if !c.known(path) || pattern.MatchString(v) {
		return true
	}
	c.fail(
		path,
		fmt.Sprintf("%s is not valid", lastName(path)),
		"%s may not be %s: %s.",
		lastName(path),
		excerpt(v),
		rule,
	)
	return false
}

// key checks a KMS key's name.
func (c *checker) key(path string, v *string) {
	if v == nil || !c.known(path) || keyIDPattern.MatchString(*v) || keyARNPattern.MatchString(*v) {
		return
	}
	reason := "write the key's ID or ARN"
	if strings.Contains(*v, "alias/") {
		reason = "an alias can be moved to another key, and AWS reports the key and not the alias, so that every " +
			"plan would show a change; write the key's ID or ARN, for example aws_kms_key.<name>.arn"
	}
	c.fail(path, "kms_key_id does not name a key", "%s is not the name of a KMS key: %s.", excerpt(*v), reason)
}

// arn checks the shape of an ARN of one service, and its region when that must be the pipeline's own.
func (c *checker) arn(path, v, service, resource string, sameRegion bool) {
	if !c.known(path) || strings.Contains(v, "${") {
		return
	}
	fields := strings.SplitN(v, ":", 6)
	if len(fields) < 6 || fields[0] != "arn" || fields[2] != service || !strings.HasPrefix(fields[5], resource) ||
		len(fields[5]) == len(resource) {
		c.fail(
			path,
			lastName(path)+" is not an ARN of the right kind",
			"%s should look like arn:aws:%s:<region>:<account>:%s<name>.",
			excerpt(v),
			service,
			resource,
		)
		return
	}
	if sameRegion && c.region != "" && fields[3] != c.region {
		c.fail(
			path,
			lastName(path)+" is in another region",
			"%s is in region %q, and the rule that calls it is in %q. AWS IoT calls targets of this kind only in its "+
				"own region.",
			excerpt(v),
			fields[3],
			c.region,
		)
	}
}

var (
	keyIDPattern  = regexp.MustCompile(`^(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)
	keyARNPattern = regexp.MustCompile(`^arn:[a-z0-9-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$`)
)

// at gives the path of an element: at("devices", "a b") is devices["a b"].
func at(path, key string) string { return path + "[" + strconv.Quote(key) + "]" }

// item gives the path of a list's element.
func item(path string, i int) string { return path + "[" + itoa(i) + "]" }

// lastName is the attribute's own name: "when" of alerts.rules["dry"].when.
func lastName(path string) string {
	name := path[strings.LastIndexByte(path, '.')+1:]
	name, _, _ = strings.Cut(name, "[")
	return name
}

func quoted(list []string) string {
	q := make([]string, len(list))
	for i, s := range list {
		q[i] = strconv.Quote(s)
	}
	return strings.Join(q, ", ")
}

// excerpt quotes a value and cuts it where it is too long to read.
func excerpt(s string) string {
	const most = 100
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}

// didYouMean suggests the allowed value that differs in letter case or in separators only.
func didYouMean(v string, allowed []string) string {
	fold := func(s string) string {
		return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(s))
	}
	for _, a := range allowed {
		if fold(a) == fold(v) {
			return fmt.Sprintf(" Did you mean %q?", a)
		}
	}
	return ""
}
