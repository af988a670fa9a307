package endtoend_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/internal/operate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// operated is the pipeline as operators reach it.
func (w *deployment) operated(t *testing.T) *deployed.Pipeline {
	t.Helper()
	config := w.server.Config(t)
	config.BaseEndpoint = aws.String(w.runtime.Endpoint())
	clients := awsapi.NewLocal(config).WithAccount(mototest.AccountID)
	return must(deployed.Find(t.Context(), clients, name))(t)
}

// TestRedrive: what a store refused is stored once the store takes it, and nothing is doubled in the stores that had it.
func TestRedrive(t *testing.T) {
	for mode, stream := range map[string]string{
		"stream": "processor = { batch_window_seconds = 0, max_retries = 1 }",
		"queue":  "stream = { mode = \"queue\" }\n  processor = { batch_size = 1, batch_window_seconds = 0, max_retries = 1 }",
	} {
		t.Run(mode, func(t *testing.T) {
			w := deploy(t, strings.ReplaceAll(strings.Replace(pipeline, "processor  = { batch_window_seconds = 0 }", stream, 1),
				"NAME", name))
			d := w.connect(t, "soil-001")
			// Timestream refuses one message; the table of recent readings is out of order for another, until its retries
			// are exhausted.
			w.server.Fail(t, mototest.Fault{Service: "timestream-write", Operation: "WriteRecords",
				Code: "ValidationException", Message: "not now", Times: 1})
			d.send(t, `{"timestamp":1767225600000,"data":{"n":1}}`)
			w.drain(t)
			w.server.Fail(t, mototest.Fault{Service: "dynamodb", Operation: "BatchWriteItem", Code: "AccessDeniedException",
				Message: "not now", Times: 2})
			d.send(t, `{"timestamp":1767225601000,"data":{"n":2}}`)
			w.drain(t)
			if n := w.readings(t); n != 1 || len(w.stored(t, "soil-001")) != 1 {
				t.Fatalf("%d readings and %v before", n, w.stored(t, "soil-001"))
			}
			p := w.operated(t)
			for range 2 { // the second time, there is nothing left
				done, err := operate.ResendDeadLetters(t.Context(), p, operate.Redrive{}, func(m string) { t.Log(m) })
				if err != nil || done.Left != 0 {
					t.Fatalf("%+v, %v", done, err)
				}
			}
			w.drain(t)
			if got := fmt.Sprint(w.stored(t, "soil-001")); got !=
				"map[1767225600000:map[n:1 DOUBLE] 1767225601000:map[n:2 DOUBLE]]" {
				t.Errorf("stored %s", got)
			}
			if n := w.readings(t); n != 2 {
				t.Errorf("%d recent readings, want 2", n)
			}
			for payload, n := range w.archived(t, "soil-001") {
				if n != 1 {
					t.Errorf("archived %d times: %s", n, payload)
				}
			}
			if n := w.letters(t); n != 0 {
				t.Errorf("%d dead letters are left", n)
			}
		})
	}
}

// readings is how many recent readings there are.
func (w *deployment) readings(t *testing.T) int {
	t.Helper()
	out := must(w.aws.DynamoDB().Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(name + "-readings")}))(t)
	return len(out.Items)
}
