package archiver

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// row is a row as a reader of the table gets it; a pointer is nil where the row says nothing.
type row struct {
	Thing           string             `json:"thing"`
	Time            string             `json:"time"`
	ArrivedAt       string             `json:"arrived_at"`
	Kind            string             `json:"kind"`
	Measures        map[string]float64 `json:"measures"`
	Texts           map[string]string  `json:"texts"`
	Flags           map[string]bool    `json:"flags"`
	Payload         *string            `json:"payload"`
	PayloadEncoding string             `json:"payload_encoding"`
	SequenceNumber  string             `json:"sequence_number"`
}

// answered is one record of an answer.
type answered struct {
	RecordID string `json:"recordId"`
	Result   string `json:"result"`
	Data     []byte `json:"data"`
}

func start(t testing.TB, out io.Writer, env map[string]string) *archiver {
	t.Helper()
	a, err := newArchiver((&lambdatest.AWS{}).Getenv(env), out)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// invoke hands the archiver an event and checks the form of its answer.
func invoke(t testing.TB, a *archiver, event []byte) []answered {
	t.Helper()
	answer, err := a.Invoke(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, answer)
}

func parse(t testing.TB, answer []byte) []answered {
	t.Helper()
	var response struct {
		Records *[]answered `json:"records"`
	}
	strict := json.NewDecoder(bytes.NewReader(answer))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&response); err != nil || response.Records == nil {
		t.Fatalf("answer %s: %v", answer, err)
	}
	return *response.Records
}

// rowsOf reads the rows of a record.
func rowsOf(t testing.TB, one answered) []row {
	t.Helper()
	if one.Result != "Ok" {
		t.Fatalf("record %s: %s", one.RecordID, one.Result)
	}
	var rows []row
	if !bytes.HasSuffix(one.Data, []byte("\n")) {
		t.Errorf("the data %q does not end in a newline", one.Data)
	}
	for line := range strings.Lines(string(one.Data)) {
		var r row
		strict := json.NewDecoder(strings.NewReader(line))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&r); err != nil {
			t.Fatalf("row %s: %v", line, err)
		}
		rows = append(rows, r)
	}
	return rows
}

// event is an event of one record per payload, of the device soil-001.
func event(payloads ...string) []byte {
	records := make([]lambdatest.Record, len(payloads))
	for i, payload := range payloads {
		records[i] = lambdatest.Record{Thing: "soil-001", Payload: payload}
	}
	return lambdatest.FirehoseEvent(records...)
}
