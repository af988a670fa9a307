package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/deadletter"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// queue is a dead-letter queue in memory.
type queue []string

func (q *queue) SendMessage(
	_ context.Context,
	in *sqs.SendMessageInput,
	_ ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	*q = append(*q, *in.MessageBody)
	return &sqs.SendMessageOutput{}, nil
}

func TestExample(t *testing.T) {
	var got []string
	refuse := ""
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in reading
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		if in.Thing == refuse {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got = append(got, in.Thing)
	}))
	defer service.Close()
	var letters queue
	decoder, err := telemetry.New(telemetry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &processor{
		url:         service.URL,
		decoder:     decoder,
		deadLetters: &deadletter.Sender{Queue: &letters},
	}
	event := lambdatest.Event(
		lambdatest.Record{Thing: "a", Payload: `{"data":{"v":1}}`, Sequence: "1"},
		lambdatest.Record{Thing: "b", Payload: `poison`, Sequence: "2"},
		lambdatest.Record{Thing: "c", Payload: `{"v":2}`, Sequence: "3"},
	)
	answer, err := p.Invoke(t.Context(), event)
	if err != nil || string(answer) != string(stream.Done()) || len(letters) != 1 ||
		!cmp.Equal(got, []string{"a", "c"}) {
		t.Errorf("answer %s, %v; stored %v; letters %v", answer, err, got, letters)
	}
	refuse = "c"
	if answer, err = p.Invoke(t.Context(), event); err != nil || string(answer) != string(stream.FailedFrom("3")) {
		t.Errorf("answer %s, %v; want record 3 handed back", answer, err)
	}
	if _, err := p.Invoke(t.Context(), []byte(`{}`)); err == nil {
		t.Error("an event that is not a batch is accepted")
	}
}

// TestTheGuideShowsThisCode keeps docs/guides/functions.md and this example the same.
func TestTheGuideShowsThisCode(t *testing.T) {
	guide, err := os.ReadFile("../../../docs/guides/functions.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(guide), "```go\n")
	shown, _, closed := strings.Cut(rest, "\n```")
	if !found || !closed || !strings.Contains(string(source), shown) || !strings.Contains(shown, ") Invoke(") ||
		!strings.Contains(shown, ") handle(") {
		t.Error("the guide's Go code is not part of main.go")
	}
}
