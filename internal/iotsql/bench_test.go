package iotsql

import (
	"context"
	"strings"
	"testing"
)

// telemetry is a payload of 300 bytes, the size of a common telemetry message.
var telemetry = func() []byte {
	const start = `{"deviceId":"soil-001","timestamp":1481825251155,"data":{"temperature":21.5,"humidity":29,"soil":{"moisture":412,"ph":6.8}},` +
		`"battery":3.71,"firmware":"1.4.2","location":{"bay":"1","row":17},"tags":["greenhouse","north"],"note":"`
	return []byte(start + strings.Repeat("x", 300-len(start)-2) + `"}`)
}()

func benchmark(b *testing.B, sql string, payload []byte, matched bool) {
	q, err := Compile(sql, Options{})
	if err != nil {
		b.Fatal(err)
	}
	m := &Message{Topic: "greenhouse/soil-001/telemetry", Payload: payload}
	ctx := context.Background()
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		r, err := q.Eval(ctx, m)
		if err != nil || r.Matched != matched {
			b.Fatal(r, err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	const sql = "SELECT topic(2) AS device_id, data.temperature AS temperature, timestamp() AS at FROM " +
		"'greenhouse/+/telemetry' WHERE data.temperature > 30 AND battery < 3.3"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(sql, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPassThrough(b *testing.B) {
	benchmark(b, "SELECT * FROM 'greenhouse/+/telemetry'", telemetry, true)
}

func BenchmarkRejectingWhere(b *testing.B) {
	benchmark(b, "SELECT * FROM 'greenhouse/+/telemetry' WHERE data.temperature > 30", telemetry, false)
}

func BenchmarkProjection(b *testing.B) {
	benchmark(b, "SELECT deviceId, data.temperature AS temperature, battery FROM 'greenhouse/+/telemetry' WHERE "+
		"data.soil.moisture > 400", telemetry, true)
}

func BenchmarkNestedQuery(b *testing.B) {
	var readings strings.Builder
	for i := range 20 {
		if i > 0 {
			readings.WriteByte(',')
		}
		readings.WriteString(`{"n":"temperature","u":"Cel","v":22.5}`)
	}
	benchmark(
		b,
		"SELECT (SELECT VALUE v FROM e WHERE n = 'temperature') AS temperatures FROM 'greenhouse/+/telemetry'",
		[]byte(`{"e":[`+readings.String()+`]}`),
		true,
	)
}

func BenchmarkTenFunctions(b *testing.B) {
	benchmark(b,
		"SELECT topic(2) AS a, upper(deviceId) AS b, round(data.temperature) AS c, substring(firmware, 0, 3) AS d, "+
			"concat('v', firmware) AS e, regexp_matches(deviceId, '^soil-[0-9]+$') AS f, timestamp() AS g, "+
			"abs(battery) AS h, length(note) AS i, startswith(location.bay, '1') AS j FROM 'greenhouse/+/telemetry'",
		telemetry, true)
}
