package iotsql

import (
	"context"
	"encoding/base64"
	"testing"
)

func TestSet(t *testing.T) {
	runRules(t, []rule{
		{
			why:     "4 SET: AWS's example",
			sql:     "SET @temp_celsius = (temp_fahrenheit - 32) * 5 / 9 SELECT @temp_celsius AS celsius, humidity FROM 'topic/subtopic'",
			payload: `{"temp_fahrenheit":75,"humidity":60}`,
			want:    `{"celsius":23.88888888888888888888888888888889,"humidity":60}`,
		},
		{
			why:     "4 SET: members",
			sql:     "SET @device_sensor_data = device1.deviceData.sensors SELECT @device_sensor_data.temp_fahrenheit AS temp_fahrenheit, @device_sensor_data.humidity as humidity, device1.deviceId as deviceId FROM 'topic/subtopic'",
			payload: `{"device1":{"deviceId":"weather_sensor","deviceData":{"sensors":{"temp_fahrenheit":75,"humidity":60},"location":[47.606,-122.332]}}}`,
			want:    `{"temp_fahrenheit":75,"humidity":60,"deviceId":"weather_sensor"}`,
		},
		{
			why:     "4 SET: binary",
			sql:     "SET @encoded_payload = encode(*, 'base64') SELECT @encoded_payload AS raw_data FROM 'topic/subtopic'",
			payload: "\x00\xff",
			want:    `{"raw_data":"AP8="}`,
		},
		{
			why:     "4 SET: a variable uses an earlier one",
			sql:     "SET @a = x + 1, @b = @a * 2 SELECT @b AS b FROM 'topic/subtopic' WHERE @a = 2",
			payload: `{"x":1}`,
			want:    `{"b":4}`,
		},
		{
			why:     "4 SET: in a nested query",
			sql:     "SET @limit = max SELECT (SELECT VALUE v FROM e WHERE v > @limit) AS high FROM 'topic/subtopic'",
			payload: `{"max":2,"e":[{"v":1},{"v":3}]}`,
			want:    `{"high":[3]}`,
		},
		{
			why:     "4 SET: an Undefined variable",
			sql:     "SET @a = missing SELECT @a AS a FROM 'topic/subtopic'",
			payload: `{}`,
			want:    `{}`,
		},
	})
}

func TestKeys(t *testing.T) {
	const payload = `{"color":{"red":255},"foo":{"bar":"RED","more":1},"message":1}`
	runRules(t, []rule{
		{
			why:     "4 SELECT: key of a path",
			sql:     "SELECT color.red FROM 'topic/subtopic'",
			payload: payload,
			want:    `{"red":255}`,
		},
		{
			why:     "4 SELECT: key of a function",
			sql:     "SELECT topic(2) FROM 'topic/subtopic'",
			payload: payload,
			want:    `{"topic":"subtopic"}`,
		},
		{
			why:     "18.11: key of another expression",
			sql:     "SELECT message, 1 + 1 FROM 'topic/subtopic'",
			payload: payload,
			want:    `{"message":1,"_2":2}`,
		},
		{
			why:     "18.11: key of a variable",
			sql:     "SET @x = 1 SELECT @x FROM 'topic/subtopic'",
			payload: payload,
			want:    `{"x":1}`,
		},
		{
			why:     "4 SELECT: * with an alias",
			sql:     "SELECT * AS message FROM 'topic/subtopic'",
			payload: `{"a":1}`,
			want:    `{"message":{"a":1}}`,
		},
		{
			why:     "4 SELECT: the later item wins",
			sql:     "SELECT *, 1 AS color FROM 'topic/subtopic'",
			payload: `{"color":"red","a":2}`,
			want:    `{"color":1,"a":2}`,
		},
		{
			why:     "4 SELECT: the later item wins",
			sql:     "SELECT 1 AS a, 2 AS a FROM 'topic/subtopic'",
			payload: `{}`,
			want:    `{"a":2}`,
		},
		{
			why:     "4 SELECT: an alias below a selected object",
			sql:     "SELECT foo, 2 AS foo.extra FROM 'topic/subtopic'",
			payload: payload,
			want:    `{"foo":{"bar":"RED","more":1,"extra":2}}`,
		},
		{
			why:     "2: function names and keywords as aliases",
			sql:     "SELECT 1 AS timestamp, 2 AS value, 3 AS end, 4 AS topic FROM 'topic/subtopic'",
			payload: `{}`,
			want:    `{"timestamp":1,"value":2,"end":3,"topic":4}`,
		},
		{
			why:     "2: value as a field",
			sql:     "SELECT value FROM 'topic/subtopic'",
			payload: `{"value":1}`,
			want:    `{"value":1}`,
		},
		{
			why:     "2: value as a field",
			sql:     "SELECT value + 1 AS a FROM 'topic/subtopic'",
			payload: `{"value":1}`,
			want:    `{"a":2}`,
		},
		{
			why:     "2: value as an object",
			sql:     "SELECT value.x FROM 'topic/subtopic'",
			payload: `{"value":{"x":1}}`,
			want:    `{"x":1}`,
		},
		{
			why:     "2: keyword VALUE before value",
			sql:     "SELECT VALUE value FROM 'topic/subtopic'",
			payload: `{"value":1}`,
			want:    `1`,
		},
		{
			why:     "3: keywords in any case",
			sql:     "sElEcT color.red aS r fRoM 'topic/subtopic' wHeRe message = 1",
			payload: payload,
			want:    `{"r":255}`,
		},
		{
			why:     "3: fields are case-sensitive",
			sql:     "SELECT Message FROM 'topic/subtopic'",
			payload: payload,
			want:    `{}`,
		},
		{
			why:     "2: over several lines",
			sql:     "SELECT\n\tmessage\nFROM\r\n'topic/subtopic'",
			payload: payload,
			want:    `{"message":1}`,
		},
		{
			why:     "4 SELECT: a literal among items merges",
			sql:     "SELECT message, {'a': 1} FROM 'topic/subtopic'",
			payload: payload,
			want:    `{"message":1,"a":1}`,
		},
		{
			why:     "6: members keep their order",
			sql:     "SELECT *, 1 AS a FROM 'topic/subtopic'",
			payload: `{"z":1,"y":{"c":1,"b":2}}`,
			want:    `{"z":1,"y":{"c":1,"b":2},"a":1}`,
		},
	})
}

func TestWhere(t *testing.T) {
	const payload = `{"t":true,"s":"true","n":null,"i":1}`
	runRules(t, []rule{
		{
			why:     "4 WHERE: a Boolean field",
			sql:     "SELECT i FROM 'topic/subtopic' WHERE t",
			payload: payload,
			want:    `{"i":1}`,
		},
		{
			why:     "4 WHERE: a String is no Boolean",
			sql:     "SELECT i FROM 'topic/subtopic' WHERE s",
			payload: payload,
			want:    noMatch,
		},
		{why: "4 WHERE: Null", sql: "SELECT i FROM 'topic/subtopic' WHERE n", payload: payload, want: noMatch},
		{why: "4 WHERE: a number", sql: "SELECT i FROM 'topic/subtopic' WHERE i", payload: payload, want: noMatch},
		{
			why:     "4 WHERE: Undefined",
			sql:     "SELECT i FROM 'topic/subtopic' WHERE missing > 1",
			payload: payload,
			want:    noMatch,
		},
		{
			why:     "4 WHERE: aliases are not visible",
			sql:     "SELECT i AS j FROM 'topic/subtopic' WHERE j = 1",
			payload: payload,
			want:    noMatch,
		},
		{
			why:     "4 WHERE: AWS's example",
			sql:     "SELECT decode(encode(*, 'base64'), 'base64') AS value FROM 'topic/subtopic' WHERE decode(encode(*, 'base64'), 'base64') > 50",
			payload: "80",
			want:    `{"value":80}`,
		},
		{
			why:     "4 WHERE: topic levels",
			sql:     "SELECT topic(2) as device_id, temperature as reported_temperature, 30 as max_temperature FROM 'device/+/data' WHERE temperature > 30",
			topic:   "device/32/data",
			payload: `{"temperature":38}`,
			want:    `{"device_id":"32","reported_temperature":38,"max_temperature":30}`,
		},
	})
}

func TestFrom(t *testing.T) {
	runRules(t, []rule{
		{why: "5: no match", sql: "SELECT 1 AS a FROM 'topic/+'", topic: "topic/a/b", payload: "{}", want: noMatch},
		{why: "5: # below", sql: "SELECT 1 AS a FROM 'topic/#'", topic: "topic/a/b", payload: "{}", want: `{"a":1}`},
		{
			why:     "5: # not at its level",
			sql:     "SELECT 1 AS a FROM 'topic/#'",
			topic:   "topic",
			payload: "{}",
			want:    noMatch,
		},
		{
			why:     "5: reserved topics are named",
			sql:     "SELECT topic(3) AS thing FROM '$aws/things/+/shadow/update/delta'",
			topic:   "$aws/things/T/shadow/update/delta",
			payload: "{}",
			want:    `{"thing":"T"}`,
		},
		{
			why:     "5: a leading wildcard is not for them",
			sql:     "SELECT 1 AS a FROM '#'",
			topic:   "$aws/things/T",
			payload: "{}",
			want:    noMatch,
		},
		{
			why:     "5: Basic Ingest",
			sql:     "SELECT topic() AS t, topic(3) AS l FROM 'Buildings/#'",
			topic:   "$aws/rules/rule/Buildings/Building5/Floor2/Room201/Lights",
			payload: "{}",
			want:    `{"t":"Buildings/Building5/Floor2/Room201/Lights","l":"Floor2"}`,
		},
		{
			why:     "5: Basic Ingest for another rule",
			sql:     "SELECT 1 AS a FROM '#'",
			topic:   "$aws/rules/other/a",
			payload: "{}",
			want:    noMatch,
		},
		{
			why:     "5: Basic Ingest asks nothing of FROM",
			sql:     "SELECT 1 AS a FROM 'x'",
			topic:   "$aws/rules/rule/a",
			payload: "{}",
			want:    `{"a":1}`,
		},
		{why: "5: without FROM", sql: "SELECT 1 AS a", topic: "$aws/rules/rule/a", payload: "{}", want: `{"a":1}`},
	})
}

// TestBasicIngestWithoutName evaluates a rule whose name is not known.
func TestBasicIngestWithoutName(t *testing.T) {
	q, err := Compile("SELECT topic() AS t FROM 'a/+'", Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"$aws/rules/any/a/b": true, "$aws/rules/any/b/b": false, "a/b": true, "$aws/rules/any": false} {
		r, err := q.Eval(context.Background(), &Message{Topic: name})
		if err != nil || r.Matched != want || want && string(r.Payload) != `{"t":"a/b"}` {
			t.Errorf("[IoT-SQL 5] %s: %+v, %v", name, r, err)
		}
	}
}

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
			why:     "11: a literal",
			sql:     "SELECT {'latitude': get(lat_long, 0),'longitude':get(lat_long, 1)} as lat_long FROM 'topic/subtopic'",
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

func TestTemplates(t *testing.T) {
	tests := []struct{ text, topic, payload, want, why string }{
		{"${topic()}/republish", "my/iot/topic", "", "my/iot/topic/republish", "16: AWS's example"},
		{"${topic(3)}/delta", "$aws/things/T/shadow/update/delta", "", "T/delta", "16: AWS's example"},
		{"${parse_time('yyyy', timestamp(), 'UTC')}", "t", "", "2016", "16: AWS's example"},
		{"${topic()}/${timestamp()}", "some/topic", "", "some/topic/1481825251155", "16: AWS's example"},
		{"${get(position, 0)}", "t", `{"position":["-12.3456","65.4321"]}`, "-12.3456", "16: a String without quotes"},
		{"a${x}b", "t", `{"x":1.50}`, "a1.5b", "16: a number"},
		{"a${x}b", "t", `{"x":[1,"a"]}`, `a[1,"a"]b`, "16: JSON text"},
		{"a${x}b", "t", `{"x":true}`, `atrueb`, "16: a Boolean"},
		{"a${missing}b", "t", `{}`, "ab", "6, 16: Undefined is empty"},
		{"a${x}b", "t", `{"x":null}`, "ab", "7, 16: Null is no String"},
		{"${floor(timestamp() / 1E3)}", "t", "", "1481825251", "16: AWS's example"},
		{"${(timestamp() % 1E3) * 1E6}", "t", "", "155000000", "16: AWS's example"},
		{
			`f:${CASE get(get_user_properties('environment'),0) WHEN "PROD" THEN "a" WHEN "DEV" THEN "b" ELSE "a" END}`,
			"t",
			"",
			"f:",
			"16: no such property makes CASE Undefined",
		},
		{`${replace(topic(), '/', '-') + '-' + timestamp()}`, "a/b", "", "a-b-1481825251155", "16: AWS's example"},
		{"${{'a': {'b': 1}}}", "t", "", `{"a":{"b":1}}`, "16: braces inside"},
		{"${'}'}", "t", "", `}`, "16: a brace in a text"},
		{"no template $ {x} @{y}", "t", `{"x":1}`, "no template $ {x} @{y}", "16: other text"},
		{"", "t", "", "", "16: empty text"},
		{"${value}", "t", `{"value":"v"}`, "v", "2: value is a field name"},
		{"${@x}", "t", "", "", "16: a variable without its rule"},
		{"$${x}", "t", `{"x":1}`, "$1", "16: a dollar before"},
	}
	for _, tt := range tests {
		tmpl, err := CompileTemplate(tt.text, Options{})
		if err != nil {
			t.Errorf("%s: CompileTemplate(%s): %v", tt.why, tt.text, err)
			continue
		}
		m := documented(tt.payload)
		m.Topic = tt.topic
		if got, err := tmpl.Eval(context.Background(), m); err != nil || got != tt.want {
			t.Errorf("%s: %s = %q, %v, want %q", tt.why, tt.text, got, err, tt.want)
		}
	}
}

func TestTemplateVariables(t *testing.T) {
	q, err := Compile("SET @unused = 1, @temp_celsius = (temp_fahrenheit - 32) / 2 SELECT * FROM 't'", Options{})
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := CompileTemplate("temperature-data/${device_id}/temp-${@temp_celsius}C.json", Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := q.EvalTemplate(
		context.Background(),
		tmpl,
		&Message{Topic: "t", Payload: []byte(`{"temp_fahrenheit":74,"device_id":"d1"}`)},
	)
	if want := "temperature-data/d1/temp-21C.json"; err != nil || got != want {
		t.Errorf("[IoT-SQL 4 SET] template = %q, %v, want %q", got, err, want)
	}
	if v := tmpl.Variables(); len(v) != 1 || v[0] != "temp_celsius" {
		t.Errorf("Variables() = %q", v)
	}
}
