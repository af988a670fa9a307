package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

const commandsPath = "/v1/devices/soil-001/commands"

// send sends a command.
func (f *fixture) send(key, body string) reply {
	f.t.Helper()
	headers := map[string]string{}
	if key != "" {
		headers["Idempotency-Key"] = key
	}
	return f.ask(request{method: http.MethodPost, path: commandsPath, body: body, headers: headers})
}

func TestACommandIsPublishedAndKept(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline)
	r := f.ask(request{method: http.MethodPost, path: commandsPath + "?expires_in=60",
		body: "{\n \"action\": \"irrigate\", \"litres\": 1.50 }"})
	c := answered[Command](r, http.StatusAccepted)
	want := `{"command_id":"` + c.ID + `","action":"irrigate","litres":1.50}`
	if string(c.Payload) != want || c.Status != contract.CommandSent || c.RequestedBy != alice ||
		c.Deadline == nil || !c.Deadline.Equal(f.clock.Add(time.Minute)) {
		t.Errorf("command %+v, payload %s, want %s", c, c.Payload, want)
	}
	published := f.moto.Published(t)
	if len(published) != 1 || published[0].Topic != "greenhouse/soil-001/commands" ||
		published[0].Payload != want {
		t.Fatalf("published %+v", published)
	}
	for _, query := range []string{"qos=1", "messageExpiry=60",
		"responseTopic=greenhouse%2Fsoil-001%2Fcommands%2F" + c.ID + "%2Fresult"} {
		if got := f.aws.Calls("iot:Publish")[0].Query; !strings.Contains(got, query) {
			t.Errorf("published with %s, without %s", got, query)
		}
	}
	if at := r.headers.Get("Location"); at != commandsPath+"/"+c.ID {
		t.Errorf("Location %q", at)
	}
	stored := get[Command](f, r.headers.Get("Location"))
	if stored.Status != contract.CommandSent || string(stored.Payload) != want || stored.SentAt == nil {
		t.Errorf("stored %+v", stored)
	}
	if got := get[Commands](f, commandsPath); len(got.Commands) != 1 || got.Commands[0].ID != c.ID {
		t.Errorf("listed %+v", got)
	}
}

// answers writes what the processor writes when a device answers.
func (f *fixture) answers(c Command, status, text string) {
	f.t.Helper()
	row := (&command{id: c.ID, device: c.Device, status: status, payload: string(c.Payload), statusAt: f.clock.UnixMilli(),
		created: c.CreatedAt.UnixMilli(), deadline: c.Deadline.UnixMilli(), requester: c.RequestedBy}).row()
	row[contract.CommandAnswerAttribute] = &types.AttributeValueMemberS{Value: text}
	f.put(commandTable, row)
}

func TestAnswersAndDeadlines(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline)
	done := answered[Command](f.send("", "{}"), http.StatusAccepted)
	late := answered[Command](f.send("", `{"a":1}`), http.StatusAccepted)
	f.answers(done, contract.CommandSucceeded, `{"status":"succeeded","result":{"litres":2}}`)
	f.clock = f.clock.Add(time.Hour + time.Millisecond)
	got := get[Command](f, commandsPath+"/"+done.ID)
	if got.Status != contract.CommandSucceeded || string(got.Answer) != `{"status":"succeeded","result":{"litres":2}}` {
		t.Errorf("%+v, answer %s", got, got.Answer)
	}
	if got := get[Command](f, commandsPath+"/"+late.ID); got.Status != "expired" {
		t.Errorf("past its deadline it is %s", got.Status)
	}
	f.ask(request{method: http.MethodGet, path: commandsPath + "/01890000-0000-7000-8000-000000000000"}).
		wantProblem(unknownCommand)
}

func TestCommandsAreListedNewestFirst(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline)
	var sent []string
	for range 7 {
		sent = append([]string{answered[Command](f.send("key-"+strings.Repeat("x", len(sent)), "{}"),
			http.StatusAccepted).ID}, sent...)
	}
	var listed []string
	cursor := ""
	for {
		got := get[Commands](f, commandsPath+"?limit=3"+cursor)
		for _, c := range got.Commands {
			listed = append(listed, c.ID)
		}
		if got.Cursor == "" {
			break
		}
		cursor = "&cursor=" + got.Cursor
	}
	if strings.Join(listed, " ") != strings.Join(sent, " ") {
		t.Errorf("listed %v, sent %v", listed, sent)
	}
}

func TestOneKeyIsOneCommand(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline)
	first := answered[Command](f.send("order-7", `{"a":1}`), http.StatusAccepted)
	again := answered[Command](f.send("order-7", `{ "a": 1 }`), http.StatusAccepted)
	if first.ID != again.ID || len(f.moto.Published(t)) != 1 {
		t.Errorf("commands %s and %s, %d messages", first.ID, again.ID, len(f.moto.Published(t)))
	}
	f.send("order-7", `{"a":2}`).wantProblem(keyReused)
	f.clock = f.clock.Add(25 * time.Hour)
	later := answered[Command](f.send("order-7", `{"a":2}`), http.StatusAccepted)
	if later.ID == first.ID || len(f.moto.Published(t)) != 2 {
		t.Errorf("after a day the key is still that of %s", later.ID)
	}
}

func TestCommandsThatAreRefused(t *testing.T) {
	f := newFixture(t, nil)
	f.device("soil-001", contract.StatusOnline)
	for _, c := range []struct {
		why, body, query string
		headers          map[string]string
		want             kind
	}{
		{"no body", "", "", nil, malformed},
		{"no JSON", "{", "", nil, malformed},
		{"two objects", "{}{}", "", nil, malformed},
		{"a list", "[]", "", nil, invalid},
		{"a text", `"irrigate"`, "", nil, invalid},
		{"null", "null", "", nil, invalid},
		{"a member that the API sets", `{"command_id":"x"}`, "", nil, invalid},
		{"another content type", "<a/>", "", map[string]string{"Content-Type": "text/xml"}, badMediaType},
		{"a form", "a=b", "", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, badMediaType},
		{"a patch", "{}", "", map[string]string{"Content-Type": "application/merge-patch+json"}, badMediaType},
		{"no content type", "{}", "", map[string]string{"Content-Type": ""}, badMediaType},
		{"an empty key", "{}", "", map[string]string{"Idempotency-Key": ""}, invalid},
		{"a huge body", `{"a":"` + strings.Repeat("x", maxCommandBytes) + `"}`, "", nil, tooLarge},
		{"a key with a space", "{}", "", map[string]string{"Idempotency-Key": "a b"}, invalid},
		{"a long key", "{}", "", map[string]string{"Idempotency-Key": strings.Repeat("k", 256)}, invalid},
		{"no time", "{}", "?expires_in=0", nil, invalid},
		{"too much time", "{}", "?expires_in=604801", nil, invalid},
		{"a time that is not a number", "{}", "?expires_in=soon", nil, invalid},
		{"an unknown parameter", "{}", "?retain=true", nil, invalid},
	} {
		t.Run(c.why, func(t *testing.T) {
			f.ask(request{method: http.MethodPost, path: commandsPath + c.query, body: c.body, headers: c.headers}).
				wantProblem(c.want)
		})
	}
	largest := `{"a":"` + strings.Repeat("x", maxCommandBytes-8) + `"}`
	if c := answered[Command](f.send("", largest), http.StatusAccepted); len(c.Payload) > 128<<10 {
		t.Errorf("a message of %d bytes", len(c.Payload))
	}
	if n := len(f.moto.Published(t)); n != 1 {
		t.Errorf("%d messages, want that of the largest", n)
	}
	stored := get[Commands](f, commandsPath).Commands[0].Payload
	if !strings.Contains(string(stored), strings.Repeat("x", 1000)) {
		t.Error("the largest is not stored")
	}
}
