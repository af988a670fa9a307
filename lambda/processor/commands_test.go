package processor

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

var withCommands = map[string]string{"IOT_COMMANDS_TABLE": "greenhouse-commands"}

// commandPipeline is a pipeline with a table of commands. soil-001 was sent a, b and c, and soil-002 was sent d.
func commandPipeline(t *testing.T) pipeline {
	t.Helper()
	p := motoPipeline(t, withCommands)
	if _, err := p.table.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("greenhouse-commands"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("device_id"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("command_id"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("device_id"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("command_id"), KeyType: types.KeyTypeRange},
		},
	}); err != nil {
		t.Fatal(err)
	}
	put := func(item map[string]string) {
		values := map[string]types.AttributeValue{}
		for name, value := range item {
			values[name] = textValue(value)
		}
		if _, err := p.table.PutItem(t.Context(),
			&dynamodb.PutItemInput{TableName: aws.String("greenhouse-commands"), Item: values}); err != nil {
			t.Fatal(err)
		}
	}
	put(map[string]string{"device_id": "soil-001", "command_id": "a", "status": "sent"})
	put(map[string]string{"device_id": "soil-001", "command_id": "b", "status": "pending"})
	put(map[string]string{"device_id": "soil-001", "command_id": "c", "status": "failed", "answer": "before"})
	put(map[string]string{"device_id": "soil-001", "command_id": "key", "command": "a"})
	put(map[string]string{"device_id": "soil-002", "command_id": "d", "status": "sent"})
	return p
}

// command reads what is known of a command.
func (p pipeline) command(t *testing.T, thing, id string) map[string]string {
	t.Helper()
	out, err := p.table.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("greenhouse-commands"),
		Key: map[string]types.AttributeValue{"device_id": textValue(thing), "command_id": textValue(id)}})
	if err != nil {
		t.Fatal(err)
	}
	item := map[string]string{}
	for name, value := range out.Item {
		item[name] = describe(value)
	}
	delete(item, "device_id")
	delete(item, "command_id")
	return item
}

func result(after time.Duration, command, answer string) lambdatest.Record {
	return lambdatest.Record{Thing: "soil-001", After: after,
		Payload: lambdatest.CommandResult("soil-001", command, answer)}
}

func TestCommandResults(t *testing.T) {
	const ms = time.Millisecond
	p := commandPipeline(t)
	received := result(1*ms, "a", `{ "status": "received" }`)
	done := result(2*ms, "a", `{"status":"succeeded","message":"done","result":{"valve":"open"}}`)
	sent := map[string]string{"status": `"sent"`}
	succeeded := map[string]string{"status": `"succeeded"`, "status_at": at(2 * ms),
		"answer": `"{\"status\":\"succeeded\",\"message\":\"done\",\"result\":{\"valve\":\"open\"}}"`}
	for _, step := range []struct {
		why     string
		records []lambdatest.Record
		want    map[string]string
	}{
		{"another device's command stays as it is", []lambdatest.Record{{Thing: "soil-002",
			Payload: lambdatest.CommandResult("soil-001", "a", `{"status":"succeeded"}`)}}, sent},
		{"received", []lambdatest.Record{received}, map[string]string{"status": `"received"`, "status_at": at(1 * ms),
			"answer": `"{\"status\":\"received\"}"`}},
		{"received and done in one batch", []lambdatest.Record{received, done}, succeeded},
		{"a replay", []lambdatest.Record{received, done}, succeeded},
		{"what follows a final answer", []lambdatest.Record{result(9*ms, "a", `{"status":"received"}`),
			result(10*ms, "a", `{"status":"failed"}`)}, succeeded},
	} {
		if failed := invoke(t, p.processor, lambdatest.Event(step.records...), quick); failed != "" {
			t.Fatalf("%s: failed from %s", step.why, failed)
		}
		if diff := cmp.Diff(step.want, p.command(t, "soil-001", "a")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.why, diff)
		}
	}
	// Of two final answers in one batch, the first counts. A command that is still pending was published: its answer
	// is here.
	invoke(t, p.processor, lambdatest.Event(result(1*ms, "b", `{"status":"failed"}`),
		result(2*ms, "b", `{"status":"succeeded"}`)), quick)
	if got := p.command(t, "soil-001", "b"); got["status"] != `"failed"` || got["status_at"] != at(1*ms) {
		t.Errorf("two final answers: %v", got)
	}
	if got := p.command(t, "soil-001", "c"); got["answer"] != `"before"` {
		t.Errorf("a command that nobody answered: %v", got)
	}
	// An answer is a sign of life, and no telemetry.
	if got := device(t, p.table, "soil-001"); got["status"] != `"online"` || got["last_seen"] != at(10*ms) ||
		got["latest"] != "" {
		t.Errorf("the device is %v", got)
	}
	if n := len(p.moto.TimestreamRecords(t, "greenhouse", "telemetry")); n != 0 {
		t.Errorf("%d records in Timestream", n)
	}
}

func TestCommandResultsThatCannotBeUsed(t *testing.T) {
	large := fmt.Sprintf(`{"status":"succeeded","result":"%s"}`, strings.Repeat("x", 8<<10))
	records := map[string]lambdatest.Record{
		"unknown_command, never sent":         result(0, "nothing", `{"status":"received"}`),
		"unknown_command of another device":   result(0, "d", `{"status":"succeeded"}`),
		"unknown_command, an item without":    result(0, "key", `{"status":"succeeded"}`),
		"unknown_command_result, no JSON":     result(0, "a", `done`),
		"unknown_command_result, an array":    result(0, "a", `["succeeded"]`),
		"unknown_command_result, no status":   result(0, "a", `{"state":"succeeded"}`),
		"unknown_command_result, a number":    result(0, "a", `{"status":1}`),
		"unknown_command_result, not a state": result(0, "a", `{"status":"sent"}`),
		"unknown_command_result, not UTF-8":   result(0, "a", "{\"status\":\"failed\",\"message\":\"\xff\"}"),
		"unknown_command_result, empty":       result(0, "a", ""),
		"unknown_command_result, no command":  result(0, "", `{"status":"failed"}`),
		"command_answer_too_large":            result(0, "b", large),
	}
	p := commandPipeline(t)
	stand := lambdatest.StartAWS(t)
	stand.Forward(t, p.moto.URL)
	var all []lambdatest.Record
	want := map[string]string{}
	for name, record := range records {
		all = append(all, record)
		want[fmt.Sprint(len(all))], _, _ = strings.Cut(strings.NewReplacer(",", " ").Replace(name), " ")
	}
	q, err := newProcessor(stand.Getenv(withCommands), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if failed := invoke(t, q, lambdatest.Event(all...), quick); failed != "" {
		t.Fatalf("failed from %s", failed)
	}
	if diff := cmp.Diff(want, letters(t, stand)); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
	for _, letter := range stand.Letters(t) {
		if topic := fmt.Sprint(letter["topic"]); letter["reason"] == "unknown_command" &&
			!strings.HasSuffix(topic, "/result") {
			t.Errorf("the dead letter's topic is %s", topic)
		}
	}
	if got := p.command(t, "soil-001", "a"); got["status"] != `"sent"` {
		t.Errorf("unreadable answers changed the command: %v", got)
	}
	if got := p.command(t, "soil-001", "b"); got["status"] != `"succeeded"` || got["answer"] != "" {
		t.Errorf("of an answer that is too large, the status is kept: %v", got)
	}
}

// Without the API there is no such rule: whoever makes such records forges them.
func TestCommandResultsWithoutTheAPI(t *testing.T) {
	p, aws := start(t, nil)
	if failed := invoke(t, p, lambdatest.Event(result(0, "a", `{"status":"received"}`)), quick); failed != "" {
		t.Fatalf("failed from %s", failed)
	}
	if diff := cmp.Diff(map[string]string{"1": "unknown_command"}, letters(t, aws)); diff != "" {
		t.Error(diff)
	}
}

// A table that fails makes Lambda repeat the answers, and nothing else is held up.
func TestCommandsTableFails(t *testing.T) {
	p, aws := start(t, withCommands)
	aws.Misbehave(about(updateItem, "greenhouse-commands", lambdatest.Throttle))
	event := lambdatest.Event(
		lambdatest.Record{Thing: "soil-001", Payload: `{"v":1}`},
		result(1, "a", `{"status":"received"}`),
		result(2, "a", `{"status":"succeeded"}`),
		lambdatest.Record{Thing: "soil-002", Payload: `{"v":2}`},
	)
	if failed := invoke(t, p, event, quick); failed != "2" {
		t.Errorf("failed from %q, want the first answer", failed)
	}
	if n := len(aws.Records()); n != 2 {
		t.Errorf("%d records stored, want 2", n)
	}
	aws.Misbehave(nil)
	if failed := invoke(t, p, event, quick); failed != "" || len(letters(t, aws)) != 0 {
		t.Errorf("afterwards: failed from %q, dead letters %v", failed, letters(t, aws))
	}
}
