package iotsql

import (
	"context"
	"encoding/base64"
	"testing"
)

func TestPayloads(t *testing.T) {
	runRules(t, []rule{
		{
			why:     "4 SELECT: an array passes unchanged",
			sql:     "SELECT * FROM 'topic/subtopic'",
			payload: `[1, 2.0]`,
			want:    `[1, 2.0]`,
		},
		{
			why:     "13: binary passes unchanged",
			sql:     "SELECT * FROM 'topic/subtopic'",
			payload: "\x00\xff",
			want:    "\x00\xff",
		},
		{
			why:     "13: with WHERE",
			sql:     "SELECT * FROM 'topic/subtopic' WHERE timestamp() % 5 = 0",
			payload: "\x00\xff",
			want:    "\x00\xff",
		},
		{
			why:     "13: a field of a binary payload",
			sql:     "SELECT * FROM 'topic/subtopic' WHERE device_type = 'thermostat'",
			payload: "\x00\xff",
			want:    noMatch,
		},
		{
			why:     "13: encoded",
			sql:     "SELECT encode(*, 'base64') AS data, timestamp() AS ts FROM 'topic/subtopic'",
			payload: "\x00\xff",
			want:    `{"data":"AP8=","ts":1481825251155}`,
		},
		{
			why:     "13: columns beside binary",
			sql:     "SELECT *, topic() AS t FROM 'topic/subtopic'",
			payload: "\x00\xff",
			want:    `{"payload":"AP8=","t":"topic/subtopic"}`,
		},
		{
			why:     "13: columns beside nothing",
			sql:     "SELECT *, topic() AS t FROM 'topic/subtopic'",
			payload: "",
			want:    `{"t":"topic/subtopic"}`,
		},
		{
			why:     "13: columns beside an array",
			sql:     "SELECT *, 1 AS one FROM 'topic/subtopic'",
			payload: "[1]",
			want:    `{"payload":[1],"one":1}`,
		},
		{
			why:     "13: a scalar is not read as JSON",
			sql:     "SELECT *, 1 AS one FROM 'topic/subtopic'",
			payload: `"text"`,
			want:    `{"payload":"` + base64.StdEncoding.EncodeToString([]byte(`"text"`)) + `","one":1}`,
		},
		{why: "13: broken JSON has no fields", sql: "SELECT a FROM 'topic/subtopic'", payload: `{"a":1,}`, want: `{}`},
		{
			why:     "13: broken behind what is read",
			sql:     "SELECT a FROM 'topic/subtopic'",
			payload: `{"a":1} x`,
			want:    `{}`,
		},
		{
			why:     "10: VALUE of a path of *",
			sql:     "SELECT VALUE *.messages FROM 'topic/subtopic'",
			payload: `{"messages":[1]}`,
			want:    `[1]`,
		},
		{
			why:     "10: missing steps",
			sql:     "SELECT a.b.c AS c, a.x.y AS y, n.x AS x FROM 'topic/subtopic'",
			payload: `{"a":{"b":{"c":1},"x":5},"n":null}`,
			want:    `{"c":1}`,
		},
		{
			why:     "10: odd keys",
			sql:     "SELECT VALUE get(get(get(mydata, 'item2'), '0'), 'my-key') FROM 'topic/subtopic'",
			payload: `{"mydata":{"item2":{"0":{"my-key":"v"}}}}`,
			want:    `"v"`,
		},
		{
			why:     "10: a hash",
			sql:     "SELECT temp, md5(deviceid) AS hashed_id FROM 'topic/subtopic'",
			payload: `{"deviceid":"iot123","temp":54.98}`,
			want:    `{"temp":54.98,"hashed_id":"e37f81fb397e595c4aeb5645b8cbbbd1"}`,
		},
		{
			why:     "6: duplicate keys, the last counts",
			sql:     "SELECT a, b.c AS c FROM 'topic/subtopic'",
			payload: `{"a":1,"b":{"c":1},"a":2,"b":{}}`,
			want:    `{"a":2}`,
		},
		{
			why:     "6: large integers",
			sql:     "SELECT id FROM 'topic/subtopic'",
			payload: `{"id":12345678901234567890123456789012345678901234567890}`,
			want:    `{"id":12345678901234567890123456789012345678901234567890}`,
		},
		{
			why:     "6: escaped keys and text",
			sql:     `SELECT a FROM 'topic/subtopic'`,
			payload: `{"\u0061":"\ud83d\ude00\n\"\/é\ud800"}`,
			want:    `{"a":"😀\n\"/é` + "\uFFFD" + `"}`,
		},
		{
			why:     "6: SELECT * keeps 10.0",
			sql:     "SELECT * FROM 'topic/subtopic'",
			payload: `{"a":10.0}`,
			want:    `{"a":10.0}`,
		},
		{
			why: "11: a literal",
			sql: "SELECT {'latitude': get(lat_long, 0),'longitude':get(lat_long, 1)} as lat_long FROM " +
				"'topic/subtopic'",
			payload: `{"lat_long":[47.606,-122.332]}`,
			want:    `{"lat_long":{"latitude":47.606,"longitude":-122.332}}`,
		},
		{
			why:     "11: an array",
			sql:     "SELECT [lat,long] as lat_long FROM 'topic/subtopic'",
			payload: `{"lat":47.606,"long":-122.332}`,
			want:    `{"lat_long":[47.606,-122.332]}`,
		},
		{
			why:     "18.9: Undefined in an array",
			sql:     "SELECT [lat,missing] as lat_long FROM 'topic/subtopic'",
			payload: `{"lat":47.606}`,
			want:    `{"lat_long":[47.606]}`,
		},
		{why: "4 SELECT: VALUE of nothing", sql: "SELECT VALUE missing FROM 'topic/subtopic'", payload: `{}`, want: ``},
	})
}

func TestJSONFlag(t *testing.T) {
	tests := []struct {
		sql, payload string
		want         bool
	}{
		{"SELECT * FROM 't'", `{"a":1}`, true},
		{"SELECT * FROM 't'", `[1]`, true},
		{"SELECT * FROM 't'", `{"a":1`, false},
		{"SELECT * FROM 't'", `80`, false},
		{"SELECT * FROM 't'", ``, false},
		{"SELECT 1 AS a FROM 't'", "\xff", true},
		{"SELECT VALUE 'text' FROM 't'", ``, true},
		{"SELECT VALUE missing FROM 't'", `{}`, false},
		{"SELECT VALUE * FROM 't'", "\xff", false},
	}
	for _, tt := range tests {
		q, err := Compile(tt.sql, Options{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := q.Eval(context.Background(), &Message{Topic: "t", Payload: []byte(tt.payload)})
		if err != nil || !r.Matched || r.JSON != tt.want {
			t.Errorf("%s over %q: JSON = %t, %v, want %t", tt.sql, tt.payload, r.JSON, err, tt.want)
		}
	}
}

func TestNested(t *testing.T) {
	const sensors = `{"e":[{"n":"temperature","u":"Cel","t":1234,"v":22.5},{"n":"light","u":"lm","t":1235,"v":135},{"n":"acidity","u":"pH","t":1235,"v":7}]}`
	const enrich = `{"attributes":{"data1":1,"data2":2},"values":[{"a":3},{"b":4},{"c":5}]}`
	runExprs(t, Options{}, []expr{
		{"(SELECT VALUE n FROM e)", sensors, `["temperature","light","acidity"]`, "12: AWS's example"},
		{"(SELECT v FROM e WHERE n = 'temperature')", sensors, `[{"v":22.5}]`, "12: AWS's example"},
		{"get((SELECT v FROM e WHERE n = 'temperature'), 0).v", sensors, `22.5`, "12: AWS's example"},
		{"(SELECT VALUE v FROM e WHERE n = 'none')", sensors, `[]`, "12: none is an empty array"},
		{"(SELECT a, b FROM o)", `{"o":{"a":1,"b":2,"c":3}}`, `{"a":1,"b":2}`, "12, 18.8: an object is projected"},
		{"(SELECT VALUE c FROM o)", `{"o":{"c":[1]}}`, `[1]`, "12: VALUE over an object"},
		{"(SELECT a FROM o WHERE a > 1)", `{"o":{"a":1}}`, "Undefined", "12: an object that does not pass"},
		{"(SELECT a FROM missing)", `{}`, "Undefined", "12: nothing to select from"},
		{"(SELECT a FROM s)", `{"s":"text"}`, "Undefined", "12: no array or object"},
		{
			"get((SELECT *, topic() as topic FROM *),0)",
			`{"foo":"bar"}`,
			`{"foo":"bar","topic":"things/myThings/thingOne"}`,
			"12: [live] FROM *",
		},
		{
			"(SELECT * FROM Pos WHERE L1 <> isNull(SELECT VALUE L1 FROM Pos))",
			`{"Pos":[{"L1":1},{"L2":2}]}`,
			`[{"L1":1}]`,
			"12: [live] elements with L1",
		},
		{"(SELECT * FROM arr AS a WHERE a > 1)", `{"arr":[1,2,3]}`, `[2,3]`, "12: scalar elements"},
		{"(SELECT a.x AS x FROM arr AS a)", `{"arr":[{"x":1}]}`, `[{"x":1}]`, "12: the alias stands for the element"},
		{
			"(SELECT VALUE (SELECT VALUE n FROM items) FROM orders)",
			`{"orders":[{"items":[{"n":1},{"n":2}]},{"items":[{"n":3}]}]}`,
			`[[1,2],[3]]`,
			"12: nested twice",
		},
		{
			"(SELECT VALUE (SELECT VALUE o.id FROM o.items) FROM orders AS o)",
			`{"orders":[{"id":7,"items":[1,2]}]}`,
			`[[7,7]]`,
			"12: the outer alias is visible",
		},
		{
			"(SELECT VALUE limit FROM e)",
			`{"limit":5,"e":[{"limit":1},{}]}`,
			`[1]`,
			"12: names mean the element's fields only",
		},
		{"exists (select * from arr as a where a = 3)", `{"arr":[1,2,3]}`, "true", "8 EXISTS: AWS's example"},
		{"exists (select * from arr as a where a = 4)", `{"arr":[1,2,3]}`, "false", "8 EXISTS: none"},
		{
			"exists (select * from e as e where foo = 2)",
			`{"foo":4,"bar":5,"e":[{"foo":1},{"foo":2}]}`,
			"true",
			"8 EXISTS: AWS's example",
		},
		{
			"exists (select * from e as e where foo = 4)",
			`{"foo":4,"bar":5,"e":[{"foo":1},{"foo":2}]}`,
			"false",
			"8 EXISTS: not the root's field",
		},
		{"exists (select * from missing)", `{}`, "false", "8 EXISTS: nothing to select from"},
		{
			`transform("enrichArray", attributes, values)`,
			enrich,
			`[{"a":3,"data1":1,"data2":2},{"b":4,"data1":1,"data2":2},{"c":5,"data1":1,"data2":2}]`,
			"14.3 transform: AWS's example",
		},
		{
			`transform("enrichArray", {"key": attributes.data1}, values)`,
			enrich,
			`[{"a":3,"key":1},{"b":4,"key":1},{"c":5,"key":1}]`,
			"14.3 transform: AWS's example",
		},
		{
			`transform('enrichArray', (select a, b from data2), (select value c from data2))`,
			`{"data2":{"a":1,"b":2,"c":[{"c1":3},{"c2":4}]}}`,
			`[{"c1":3,"a":1,"b":2},{"c2":4,"a":1,"b":2}]`,
			"12, 14.3: over an object",
		},
		{`transform('other', attributes, values)`, enrich, "Undefined", "14.3 transform: another mode"},
		{
			`transform('enrichArray', {'a': 9}, values)`,
			enrich,
			`[{"a":9},{"b":4,"a":9},{"c":5,"a":9}]`,
			"18: the object wins",
		},
		{`transform('enrichArray', 1, values)`, enrich, "Undefined", "14.3 transform: no object"},
		{"[1, 'a', {'b': NULL}, [TRUE]]", "", `[1,"a",{"b":null},[true]]`, "11: literals"},
		{"{\"a\": missing, 'b': 1 + 1}", "{}", `{"b":2}`, "6, 11: Undefined is dropped"},
		{"{}", "", `{}`, "11: empty"},
		{"[]", "", `[]`, "11: empty"},
	})
}
