package rules

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	cloud "github.com/iot-pipeline/terraform-provider-iot/internal/local/rules"
)

// inCloud evaluates rules as the local AWS does, and returns what one rule gave its action.
type inCloud struct {
	engine *cloud.Engine
	got    []string
}

func newInCloud(t testing.TB, sql string) *inCloud {
	t.Helper()
	c := &inCloud{}
	c.engine = cloud.New(cloud.Options{Clients: awsapi.NewLocal(aws.Config{}), AccountID: "123456789012",
		Invoke: func(_ context.Context, _ string, payload []byte) error {
			c.got = append(c.got, string(payload)) // one lane, and Wait before it is read
			return nil
		}})
	t.Cleanup(c.engine.Close)
	name, version := "r", "2016-03-23"
	if err := c.engine.Set([]cloud.Rule{{RuleName: &name, Sql: &sql, AwsIotSqlVersion: &version,
		Actions: []types.Action{{Lambda: &types.LambdaAction{
			FunctionArn: aws.String("arn:aws:lambda:eu-central-1:123456789012:function:f")}}}}}); err != nil {
		t.Fatal(err)
	}
	return c
}

// eval returns what the rule selects of a message that the gateway sends on.
func (c *inCloud) eval(t testing.TB, topic string, payload []byte, at time.Time) (string, bool) {
	t.Helper()
	c.got = nil
	m := message.New(topic, payload)
	m.ClientID, m.Time = "gw-1", at
	c.engine.Handle(m)
	if err := c.engine.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.got) > 1 {
		t.Fatalf("one message started %d actions", len(c.got))
	}
	if len(c.got) == 0 {
		return "", false
	}
	// A Lambda action gets what is not JSON as a text of JSON, in base64.
	var text string
	if json.Unmarshal([]byte(c.got[0]), &text) == nil {
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
			return string(raw), true
		}
	}
	return c.got[0], true
}

// sqlTexts are SQL over the messages of randomPayload, with the functions that depend on where a message came from.
var sqlTexts = []string{
	"SELECT * FROM 'gh/+/telemetry'",
	"SELECT * FROM 'gh/+/telemetry' WHERE data.t > 25",
	"SELECT *, topic(2) AS thing, clientid() AS by FROM 'gh/+/telemetry' WHERE data.t >= 25 OR data.h < 40",
	"SELECT data.t * 1.8 + 32 AS f, topic() AS topic, timestamp() AS at FROM 'gh/+/telemetry'",
	"SELECT data AS data FROM 'gh/gw-1:a/telemetry' WHERE NOT (data.t = 20)",
	"SELECT round(data.t) AS t, upper(data.mode) AS mode, accountid() AS a FROM 'gh/+/telemetry' WHERE " +
		"data.mode IN ['auto', 'off']",
	"SET @limit = data.limit SELECT data.t - @limit AS over FROM 'gh/+/telemetry' WHERE data.t > @limit",
	"SELECT (SELECT VALUE v FROM list WHERE v > 1) AS big FROM 'gh/+/telemetry' WHERE EXISTS (SELECT 1 FROM list)",
	"SELECT VALUE data FROM 'gh/+/telemetry' WHERE startswith(topic(2), 'gw-1:') AND clientid() = 'gw-1'",
	"SELECT encode(*, 'base64') AS raw FROM 'gh/+/telemetry'",
	"SELECT principal() AS p, sourceip() AS s, traceid() AS x, data.t AS t FROM 'gh/+/telemetry'",
	"SELECT * FROM 'gh/+/status' WHERE isUndefined(data.t)",
}

func randomPayload(r *rand.Rand) []byte {
	numbers := []string{"20", "24.9", "25", "25.0", "31.25", "-3", "1e3", `"26"`, "null", "true", `"x"`}
	pick := func() string { return numbers[r.IntN(len(numbers))] }
	var parts []string
	for _, name := range []string{"t", "h", "limit"} {
		if r.IntN(4) > 0 {
			parts = append(parts, fmt.Sprintf("%q:%s", name, pick()))
		}
	}
	if r.IntN(2) > 0 {
		parts = append(parts, fmt.Sprintf(`"mode":%q`, []string{"auto", "off", "on", ""}[r.IntN(4)]))
	}
	data := "{" + strings.Join(parts, ",") + "}"
	switch r.IntN(8) {
	case 0:
		return []byte(`{"list":[{"v":` + pick() + `},{"v":` + pick() + `}],"data":` + data + `}`)
	case 1:
		return []byte(data)
	case 2:
		return []byte("[" + data + "]")
	case 3:
		return []byte([]string{"", "{", "7", `"text"`, "\x00\xff", "null"}[r.IntN(6)])
	}
	return []byte(`{"timestamp":1790000000000, "data":` + data + `}`)
}

// sameButStamp compares what left the gateway with what a rule in the cloud selects. A message without a time has the
// gateway's as its first member.
func sameButStamp(got, want string) bool {
	return got == want ||
		got == strings.Replace(strings.TrimLeft(want, " \t\r\n"), "{", fmt.Sprintf(`{"timestamp":%d,`, millis(start)), 1)
}

// TestRulesSeeWhatTheCloudSees compares WHERE and SELECT with the rules engine of the local AWS.
func TestRulesSeeWhatTheCloudSees(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	topics := []string{"gh/gw-1:a/telemetry", "gh/gw-1:b/telemetry", "gh/gw-1:a/status"}
	for _, sql := range sqlTexts {
		c := newInCloud(t, sql)
		rule := config(Rule{SQL: sql})
		rule.AccountID = "123456789012"
		e := newEngine(t, rule)
		matched := 0
		for range 300 {
			topic, payload := topics[random.IntN(len(topics))], randomPayload(random)
			want, ok := c.eval(t, topic, payload, start.Wall)
			clear(e.stamps) // all messages have the same time
			out := e.Message(nil, topic, payload, start)
			if !ok && out[0].Rule == "" {
				continue
			}
			matched++
			if len(out) != 1 || !ok || !sameButStamp(string(out[0].Payload), want) {
				t.Errorf("%s of %s %q: %q; the cloud's rule gives %q, %v", sql, topic, payload, said(out), want, ok)
			}
		}
		if matched == 0 {
			t.Errorf("%s matches no message: it compares nothing", sql)
		}
	}
}

// FuzzRulesSeeWhatTheCloudSees does the same for any payload.
func FuzzRulesSeeWhatTheCloudSees(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		f.Add(randomPayload(random))
	}
	const sql = "SELECT *, topic(2) AS thing FROM 'gh/+/telemetry' WHERE data.t > 25 OR isUndefined(data.h)"
	c := newInCloud(f, sql)
	f.Fuzz(func(t *testing.T, payload []byte) {
		e := newEngine(t, config(Rule{SQL: sql}))
		want, ok := c.eval(t, "gh/gw-1:a/telemetry", payload, start.Wall)
		out := e.Message(nil, "gh/gw-1:a/telemetry", payload, start)
		if len(out) != 1 || (out[0].Rule == "hot") != ok {
			t.Fatalf("%q: %v; the cloud's rule matches: %v", payload, said(out), ok)
		}
		got := string(out[0].Payload)
		if ok && !sameButStamp(got, want) {
			t.Fatalf("%q: %q; the cloud's rule gives %q", payload, got, want)
		}
	})
}

// FuzzWindows sends any payload through all that rules remember: each message leaves, or is counted, and a restart
// changes nothing.
func FuzzWindows(f *testing.F) {
	f.Add([]byte(`{"data":{"t":21.5}}`), []byte(`{"data":{"t":22.5}}`))
	f.Add([]byte(`[{"ts":1790000000,"t":1},{"ts":1790000001,"t":2}]`), []byte(`{"t":1e308}`))
	f.Add([]byte(`[{"n":"t","v":1.5}]`), []byte(`{"timestamp":3,"a":{"b":true}}`))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		c := windowed("", Aggregates...)
		e := newEngine(t, c)
		out := e.Message(nil, "gh/gw-1:a/telemetry", one, start)
		out = e.Message(out, "gh/gw-1:a/telemetry", two, after(time.Second))
		again, orphans := restart(t, e, c, after(time.Second), after(time.Second), true)
		straight, broken := said(e.Flush(nil, after(time.Minute))), said(again.Flush(nil, after(time.Minute)))
		if strings.Join(straight, "\n") != strings.Join(broken, "\n") || len(orphans) > 0 {
			t.Fatalf("after a restart, the window is\n%s\nand without\n%s", broken, straight)
		}
		n := again.Counters().Rules["hot"]
		if n.Matched != 2 || n.Gathered+n.Unreadable+n.Late < 2 || int(n.Forwarded) != len(out)+len(straight) ||
			n.Windows > 1 || n.Failed > 0 {
			t.Fatalf("%q, %q: counters %+v; out %v, %v", one, two, n, said(out), straight)
		}
		for _, o := range e.out(nil, e.rules[0], "a", nil) {
			if o.Topic != "gh/a/telemetry" {
				t.Fatal(o.Topic)
			}
		}
	})
}
