package iotsql

import (
	"context"
	"testing"
)

func TestSet(t *testing.T) {
	runRules(t, []rule{
		{
			why: "4 SET: AWS's example",
			sql: "SET @temp_celsius = (temp_fahrenheit - 32) * 5 / 9 SELECT @temp_celsius AS celsius, humidity " +
				"FROM 'topic/subtopic'",
			payload: `{"temp_fahrenheit":75,"humidity":60}`,
			want:    `{"celsius":23.88888888888888888888888888888889,"humidity":60}`,
		},
		{
			why: "4 SET: members",
			sql: "SET @device_sensor_data = device1.deviceData.sensors SELECT " +
				"@device_sensor_data.temp_fahrenheit AS temp_fahrenheit, @device_sensor_data.humidity as humidity, " +
				"device1.deviceId as deviceId FROM 'topic/subtopic'",
			payload: `{"device1":{"deviceId":"weather_sensor","deviceData":{"sensors":{"temp_fahrenheit":75,"humidity":60},"location":[47.606,-122.332]}}}`,
			want:    `{"temp_fahrenheit":75,"humidity":60,"deviceId":"weather_sensor"}`,
		},
		{
			why: "4 SET: binary",
			sql: "SET @encoded_payload = encode(*, 'base64') SELECT @encoded_payload AS raw_data FROM " +
				"'topic/subtopic'",
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
			why:     "4 WHERE: a String is not a Boolean",
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
			why: "4 WHERE: AWS's example",
			sql: "SELECT decode(encode(*, 'base64'), 'base64') AS value FROM 'topic/subtopic' WHERE " +
				"decode(encode(*, 'base64'), 'base64') > 50",
			payload: "80",
			want:    `{"value":80}`,
		},
		{
			why: "4 WHERE: topic levels",
			sql: "SELECT topic(2) as device_id, temperature as reported_temperature, 30 as max_temperature FROM " +
				"'device/+/data' WHERE temperature > 30",
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
	for name, want := range map[string]bool{"$aws/rules/any/a/b": true, "$aws/rules/any/b/b": false, "a/b": true,
		"$aws/rules/any": false} {
		r, err := q.Eval(context.Background(), &Message{Topic: name})
		if err != nil || r.Matched != want || want && string(r.Payload) != `{"t":"a/b"}` {
			t.Errorf("[IoT-SQL 5] %s: %+v, %v", name, r, err)
		}
	}
}
