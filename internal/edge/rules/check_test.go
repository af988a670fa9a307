package rules

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

const all = "SELECT * FROM 'gh/+/telemetry'"

// config returns a valid configuration of one rule.
func config(r Rule) Config {
	return Config{Prefix: "gh", Gateway: "gw-1", Rules: map[string]Rule{"hot": r}}
}

func number(v float64) *float64 { return &v }

func TestRuleProblems(t *testing.T) {
	window := func(change func(*Window)) Rule {
		w := Window{Seconds: 60, Aggregates: []string{Average}}
		change(&w)
		return Rule{SQL: all, Window: &w}
	}
	band := func(b DeadBand) Rule {
		return Rule{SQL: all, Report: &Report{DeadBand: map[string]DeadBand{"t": b}}}
	}
	for _, c := range []struct {
		rule        Rule
		field, want string
	}{
		{Rule{}, "sql", "it is empty; write SELECT * FROM 'gh/+/telemetry'"},
		{Rule{SQL: "SELECT * FROM 'gh/+/telemetry' WHERE t >"}, "sql", "1:41"},
		{Rule{SQL: "SELECT *"}, "sql", "has no FROM"},
		{Rule{SQL: "SELECT * FROM 'other/+/telemetry'"}, "sql", "not below the topic prefix"},
		{Rule{SQL: "SELECT * FROM '$aws/things/+/telemetry'"}, "sql", "a topic of AWS IoT"},
		{Rule{SQL: "SELECT * FROM 'gh/+/+'"}, "sql", "covers more than telemetry"},
		{Rule{SQL: "SELECT * FROM 'gh/#'"}, "sql", "covers more than telemetry"},
		{Rule{SQL: "SELECT aws_lambda('arn', *) AS x FROM 'gh/+/telemetry'"}, "sql", "without AWS"},
		{Rule{SQL: all, Action: "send"}, "action", `"send" is unknown; use one of forward, drop, command, alert`},
		{Rule{SQL: all, Priority: "urgent"}, "priority", "use one of normal, low, high"},
		{Rule{SQL: all, Action: ActionDrop, Priority: "low"}, "priority", "no effect with the action drop"},
		{Rule{SQL: all, Action: ActionDrop, Window: &Window{Seconds: 1, Aggregates: []string{Last}}}, "window",
			"no effect"},
		{Rule{SQL: all, Command: &Command{Payload: "x"}}, "command", "use the action command or alert"},
		{window(func(w *Window) { w.Seconds = 0 }), "window.seconds", "use 1 to 86400"},
		{window(func(w *Window) { w.Aggregates = nil }), "window.aggregates", "it is empty"},
		{window(func(w *Window) { w.Aggregates = []string{"sum"} }), "window.aggregates[0]", "use one of min, max"},
		{window(func(w *Window) { w.Aggregates = []string{Last, Last} }), "window.aggregates[1]", "twice"},
		{window(func(w *Window) { w.Late = "keep" }), "window.late", "use one of forward, include, drop"},
		{band(DeadBand{}), `report.dead_band["t"]`, "set one of absolute and percent"},
		{band(DeadBand{Absolute: number(1), Percent: number(1)}), `report.dead_band["t"]`, "set one of"},
		{band(DeadBand{Absolute: number(-1)}), `report.dead_band["t"].absolute`, "use 0 or more"},
		{band(DeadBand{Percent: number(math.NaN())}), `report.dead_band["t"].percent`, "use 0 or more"},
		{Rule{SQL: all, Report: &Report{}}, "report.dead_band", "it is empty"},
		{Rule{SQL: all, RateLimit: &RateLimit{Messages: 1}}, "rate_limit.seconds", "use 1 to"},
		{Rule{SQL: all, RateLimit: &RateLimit{Seconds: 1}}, "rate_limit.messages", "use 1 to"},
		{Rule{SQL: all, Action: ActionCommand}, "command", "needs it"},
		{Rule{SQL: all, Action: ActionCommand, Command: &Command{}}, "command.payload", "it is empty"},
		{Rule{SQL: all, Action: ActionCommand, Command: &Command{Payload: `{"a":${x}`}}, "command.payload",
			"looks like JSON but is not"},
		{Rule{SQL: all, Action: ActionCommand, Command: &Command{Payload: "${@x}"}}, "command.payload", "reads @x"},
		{Rule{SQL: all, Action: ActionCommand, Command: &Command{Payload: "on", Child: "${"}}, "command.child", "1:"},
		{Rule{SQL: all, Action: ActionCommand, Command: &Command{Payload: "on", ClearedPayload: "off"}},
			"command.cleared_payload", "only an alert ends"},
		{Rule{SQL: all, Action: ActionAlert}, "sql", "an alert needs WHERE"},
		{Rule{SQL: all + " WHERE t > 1", Action: ActionAlert, Alert: &Alert{ClearWhen: "t <"}}, "alert.clear_when",
			"1:4"},
	} {
		err := config(c.rule).Check()
		var p Problem
		if !errors.As(err, &p) || p.Rule != "hot" || p.Field != c.field || !strings.Contains(p.Message, c.want) {
			t.Errorf("%+v: %v; want %s: %s", c.rule, err, c.field, c.want)
			continue
		}
		if want := fmt.Sprintf("rule %q, %s: ", "hot", c.field); !strings.HasPrefix(err.Error(), want) {
			t.Errorf("the error is %q; want %q at its start", err, want)
		}
		if _, err := New(config(c.rule)); err == nil {
			t.Errorf("%+v: New takes what Check refuses", c.rule)
		}
	}
}

func TestConfigProblems(t *testing.T) {
	for _, c := range []struct {
		change      func(*Config)
		field, want string
	}{
		{func(c *Config) { c.Prefix = "" }, "prefix", "is empty"},
		{func(c *Config) { c.Prefix = "a/+" }, "prefix", "wildcard"},
		{func(c *Config) { c.Gateway = "" }, "gateway", "not the name of a gateway"},
		{func(c *Config) { c.Gateway = "gw:1" }, "gateway", "not the name of a gateway"},
		{func(c *Config) { c.DataField = "timestamp" }, "time_field", "as data_field is"},
		{func(c *Config) { c.Unmatched = "keep" }, "unmatched", "use one of forward, drop"},
		{func(c *Config) { c.MaxSeries = -1 }, "max_series", "negative"},
		{func(c *Config) { c.Rules = map[string]Rule{"a.b": {SQL: all}} }, "", "the name is not valid"},
		{func(c *Config) {
			c.Rules = map[string]Rule{}
			for i := range MaxRules + 1 {
				c.Rules[fmt.Sprintf("r%d", i)] = Rule{SQL: all}
			}
		}, "rules", "at most 50"},
	} {
		config := config(Rule{SQL: all})
		c.change(&config)
		problems := config.Problems()
		if len(problems) != 1 || problems[0].Field != c.field || !strings.Contains(problems[0].Message, c.want) {
			t.Errorf("%v; want %s: %s", problems, c.field, c.want)
		}
	}
}

func TestValidRules(t *testing.T) {
	for _, r := range []Rule{
		{SQL: all},
		{SQL: "SELECT * FROM 'gh/gw-1:soil-1/#'", Action: ActionDrop},
		{SQL: all, Window: &Window{Seconds: 60, Aggregates: Aggregates, Late: LateDrop},
			Report:    &Report{DeadBand: map[string]DeadBand{"*": {Percent: number(1)}}, AtLeastEverySeconds: 60},
			RateLimit: &RateLimit{Messages: 1, Seconds: 1}, Priority: "low"},
		{SQL: all, Action: ActionCommand, Command: &Command{Payload: "on"}},
		{SQL: "SET @x = 1 SELECT * FROM 'gh/+/telemetry' WHERE t > @x", Action: ActionAlert,
			Alert: &Alert{ClearWhen: "t < @x"}, Command: &Command{Child: "gw-1:fan", Payload: `{"on":${t > 1}}`}},
	} {
		if err := config(r).Check(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}
