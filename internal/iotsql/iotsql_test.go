package iotsql

import (
	"context"
	"testing"
	"time"
)

// rule is one evaluation of a whole rule.
type rule struct {
	why     string // with the section of the reference
	sql     string
	payload string
	topic   string // "topic/subtopic" when empty
	want    string // output; noMatch when the rule does not run
	version string
}

const noMatch = "no match"

func runRules(t *testing.T, tests []rule) {
	t.Helper()
	for _, tt := range tests {
		q, err := Compile(tt.sql, Options{Version: tt.version, RuleName: "rule"})
		if err != nil {
			t.Errorf("%s: Compile(%s): %v", tt.why, tt.sql, err)
			continue
		}
		m := &Message{Topic: tt.topic, Payload: []byte(tt.payload), Time: time.UnixMilli(1481825251155)}
		if m.Topic == "" {
			m.Topic = "topic/subtopic"
		}
		r, err := q.Eval(context.Background(), m)
		if err != nil {
			t.Errorf("%s: %s: %v", tt.why, tt.sql, err)
			continue
		}
		got := string(r.Payload)
		if !r.Matched {
			got = noMatch
		}
		if got != tt.want {
			t.Errorf("%s: %s\n  over %s\n  is   %s\n  want %s", tt.why, tt.sql, tt.payload, got, tt.want)
		}
	}
}

func TestSelect(t *testing.T) {
	const red = `{"color":"red","temperature":50}`
	runRules(t, []rule{
		{why: "4 SELECT: all", sql: "SELECT * FROM 'topic/subtopic'", payload: red, want: red},
		{why: "4 SELECT: a field", sql: "SELECT color FROM 'topic/subtopic'", payload: red, want: `{"color":"red"}`},
		{
			why:     "4 SELECT: alias",
			sql:     "SELECT color AS my_color FROM 'topic/subtopic'",
			payload: red,
			want:    `{"my_color":"red"}`,
		},
		{
			why:     "4 SELECT: two aliases",
			sql:     "SELECT color as my_color, temperature as fahrenheit FROM 'topic/subtopic'",
			payload: red,
			want:    `{"my_color":"red","fahrenheit":50}`,
		},
		{
			why:     "4 SELECT: all and one more",
			sql:     "SELECT *, 15 as speed FROM 'topic/subtopic'",
			payload: red,
			want:    `{"color":"red","temperature":50,"speed":15}`,
		},
		{why: "4 SELECT: VALUE", sql: "SELECT VALUE color FROM 'topic/subtopic'", payload: red, want: `"red"`},
		{
			why:     "4 SELECT: path",
			sql:     "SELECT color.red as red_value FROM 'topic/subtopic'",
			payload: `{"color":{"red":255,"green":0,"blue":0},"temperature":50}`,
			want:    `{"red_value":255}`,
		},
		{
			why:     "4 SELECT: literal merges",
			sql:     `SELECT {"key-with-hyphen": color, "123-numeric-start": temperature} FROM 'topic/subtopic'`,
			payload: red,
			want:    `{"key-with-hyphen":"red","123-numeric-start":50}`,
		},
		{
			why:     "4 SELECT: VALUE of an array",
			sql:     "SELECT VALUE arr FROM 'topic/subtopic'",
			payload: `{"a":{"b":"c"},"arr":[1,2,3,4]}`,
			want:    `[1,2,3,4]`,
		},
		{
			why:     "4 SELECT: Null is kept, Undefined left out",
			sql:     "SELECT foo, bar FROM 'topic/subtopic'",
			payload: `{"foo":null}`,
			want:    `{"foo":null}`,
		},
		{why: "4 SELECT: nothing left", sql: "SELECT bar FROM 'topic/subtopic'", payload: `{"foo":null}`, want: `{}`},
		{
			why:     "4 SELECT: nested alias",
			sql:     "SELECT foo.bar AS bar.baz FROM 'topic/subtopic'",
			payload: `{"foo":{"bar":"RED"}}`,
			want:    `{"bar":{"baz":"RED"}}`,
		},
		{
			why:     "4 SELECT: shared prefix",
			sql:     "SELECT 1 AS state.debug, 2 AS state.command FROM 'topic/subtopic'",
			payload: `{}`,
			want:    `{"state":{"debug":1,"command":2}}`,
		},
		{
			why:     "4 WHERE: rejects",
			sql:     "SELECT * FROM 'topic/subtopic' WHERE temperature > 50 AND color <> 'red'",
			payload: `{"color":"red","temperature":40}`,
			want:    noMatch,
		},
		{
			why:     "4 WHERE: accepts",
			sql:     "SELECT * FROM 'topic/subtopic' WHERE temperature > 30",
			payload: red,
			want:    red,
		},
	})
}
