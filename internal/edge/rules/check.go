package rules

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// fields returns the names of the members that hold measures and time.
func (c Config) fields() (data, at string) {
	data, at = telemetry.DefaultDataField, telemetry.DefaultTimeField
	if c.DataField != "" {
		data = c.DataField
	}
	if c.TimeField != "" {
		at = c.TimeField
	}
	return data, at
}

// MaxRules is how many rules a gateway may have. Each message is compared with all of them.
const MaxRules = 50

// Problem is one mistake in a Config.
type Problem struct {
	Rule    string // "" if it is not about a rule
	Field   string // the path in the rule or Config, such as "window.seconds"
	Message string // what is wrong, and what to do
}

// Error names rule and field.
func (p Problem) Error() string {
	if p.Rule == "" {
		return fmt.Sprintf("%s: %s", p.Field, p.Message)
	}
	if p.Field == "" {
		return fmt.Sprintf("rule %q: %s", p.Rule, p.Message)
	}
	return fmt.Sprintf("rule %q, %s: %s", p.Rule, p.Field, p.Message)
}

// NoServices says why the SQL of a local rule calls no service.
const NoServices = "a gateway decides without AWS: use this function in a route or an alert of the pipeline"

// ThingName is the name in templates of the child that sent a message.
const ThingName = "thing"

// sqlOptions are for the SQL of rules, and textOptions for templates.
var (
	sqlOptions  = iotsql.Options{NoServices: NoServices}
	textOptions = iotsql.Options{NoServices: NoServices, Names: []string{ThingName}}
)

// Check returns an error that joins every Problem of the configuration, or nil.
func (c Config) Check() error {
	problems := c.Problems()
	list := make([]error, len(problems))
	for i, p := range problems {
		list[i] = p
	}
	return errors.Join(list...)
}

// Problems returns what is wrong with the configuration, rule by rule in the order of their names.
func (c Config) Problems() []Problem {
	_, problems := compile(c)
	return problems
}

// checker collects the problems of one rule.
type checker struct {
	rule     string
	problems []Problem
}

func (c *checker) fail(field, format string, args ...any) {
	c.problems = append(c.problems, Problem{c.rule, field, fmt.Sprintf(format, args...)})
}

func (c *checker) choice(field, value string, values []string) {
	if value != "" && !slices.Contains(values, value) {
		c.fail(field, "%q is unknown; use one of %s", value, strings.Join(values, ", "))
	}
}

func (c *checker) number(field string, value, least, most int) {
	if value < least || value > most {
		c.fail(field, "%d is out of range; use %d to %d", value, least, most)
	}
}

func (c *checker) config(config Config) {
	if err := topic.ValidateName(config.Prefix); err != nil {
		c.fail("prefix", "%v", err)
	}
	if config.Gateway == "" || strings.ContainsAny(config.Gateway, "/+#:") {
		c.fail("gateway", "%q is not the name of a gateway; it has no \":\", which separates a child's name from it",
			config.Gateway)
	}
	if data, at := config.fields(); data == at {
		c.fail("time_field", "it is %q, as data_field is; use another name", at)
	}
	c.choice("unmatched", config.Unmatched, Unmatched)
	if config.MaxSeries < 0 {
		c.fail("max_series", "%d is negative; leave it out for %d", config.MaxSeries, DefaultMaxSeries)
	}
	if n := len(config.Rules); n > MaxRules {
		c.fail("rules", "there are %d rules; a gateway has at most %d, because it compares each message with all", n,
			MaxRules)
	}
}

// validName reports whether a rule's name can be a part of a measure's name and of a metric.
func validName(name string) bool {
	if name == "" || len(name) > 48 {
		return false
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return true
}

// settings checks all of a rule but its texts.
func (c *checker) settings(r Rule) {
	if !validName(c.rule) {
		c.fail("", "the name is not valid: use 1 to 48 of a-z, A-Z, 0-9 and _, with a letter first")
	}
	c.choice("action", r.Action, Actions)
	c.choice("priority", r.Priority, Priorities)
	action := r.action()
	for _, block := range []struct {
		name    string
		set     bool
		actions []string
	}{
		{"window", r.Window != nil, []string{ActionForward}},
		{"report", r.Report != nil, []string{ActionForward}},
		{"rate_limit", r.RateLimit != nil, []string{ActionForward, ActionCommand}},
		{"priority", r.Priority != "", []string{ActionForward, ActionAlert}},
		{"command", r.Command != nil, []string{ActionCommand, ActionAlert}},
		{"alert", r.Alert != nil, []string{ActionAlert}},
	} {
		if block.set && !slices.Contains(block.actions, action) {
			c.fail(block.name, "it has no effect with the action %s; remove it, or use the action %s", action,
				strings.Join(block.actions, " or "))
		}
	}
	if w := r.Window; w != nil {
		c.window(*w)
	}
	if r.Report != nil {
		c.report(*r.Report)
	}
	if l := r.RateLimit; l != nil {
		c.number("rate_limit.messages", l.Messages, 1, MaxRateMessages)
		c.number("rate_limit.seconds", l.Seconds, 1, MaxRateSeconds)
	}
}

func (c *checker) window(w Window) {
	c.number("window.seconds", w.Seconds, 1, MaxWindowSeconds)
	c.choice("window.late", w.Late, LateReadings)
	if len(w.Aggregates) == 0 {
		c.fail("window.aggregates", "it is empty; name some of %s", strings.Join(Aggregates, ", "))
	}
	for i, a := range w.Aggregates {
		field := fmt.Sprintf("window.aggregates[%d]", i)
		if a == "" {
			c.fail(field, "it is empty; use one of %s", strings.Join(Aggregates, ", "))
		}
		c.choice(field, a, Aggregates)
		if slices.Contains(w.Aggregates[:i], a) {
			c.fail(field, "%s appears twice", a)
		}
	}
}

func (c *checker) report(r Report) {
	c.number("report.at_least_every_seconds", r.AtLeastEverySeconds, 0, MaxWindowSeconds)
	if len(r.DeadBand) == 0 {
		c.fail("report.dead_band", "it is empty; name measures, or \"*\" for all, such as "+
			`{"*": {"absolute": 0}}`)
	}
	for _, measure := range slices.Sorted(maps.Keys(r.DeadBand)) {
		band, field := r.DeadBand[measure], "report.dead_band["+strconv.Quote(measure)+"]"
		if measure == "" || len(measure) > 256 {
			c.fail(field, "a measure's name has 1 to 256 characters")
		}
		if (band.Absolute == nil) == (band.Percent == nil) {
			c.fail(field, "set one of absolute and percent")
		}
		c.distance(field+".absolute", band.Absolute)
		c.distance(field+".percent", band.Percent)
	}
}

func (c *checker) distance(field string, v *float64) {
	if v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0) || *v < 0) {
		c.fail(field, "%v is not valid; use 0 or more", *v)
	}
}
