package archiver

import (
	"encoding/base64"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
)

// answer is the answer to one event: each record once, in order [AWS 7.4 Reply]. It always has room for what is the
// least for each record that is not answered yet.
type answer struct {
	out     []byte
	limit   int
	rest    int    // bytes that the records not answered yet need at least
	scratch []byte // of least; its memory is reused
}

const (
	opening = `{"records":[`
	closing = `]}`
)

func newAnswer(records []stream.Delivery, eventSize, limit int) *answer {
	a := &answer{limit: limit}
	for i := range records {
		a.rest += a.least(records[i].ID)
	}
	a.out = append(make([]byte, 0, min(2*eventSize, limit)+a.rest), opening...)
	return a
}

// least is the size of an answer without data.
func (a *answer) least(id string) int {
	a.scratch = jsontext.AppendString(a.scratch[:0], id)
	return len(`{"recordId":,"result":"ProcessingFailed"},`) + len(a.scratch)
}

// ok answers a record with its rows. It returns false, and answers nothing, if they do not fit.
func (a *answer) ok(id string, rows []byte) bool {
	more := len(`Ok","data":"`) - len(`ProcessingFailed`) + base64.StdEncoding.EncodedLen(len(rows))
	if len(a.out)+more+a.rest+len(closing) > a.limit {
		return false
	}
	a.begin(id, "Ok")
	a.out = append(a.out, `,"data":"`...)
	a.out = base64.StdEncoding.AppendEncode(a.out, rows)
	a.out = append(a.out, `"},`...)
	return true
}

// failed answers that a record could not be processed. Firehose then keeps the record as it was.
func (a *answer) failed(id string) {
	a.begin(id, "ProcessingFailed")
	a.out = append(a.out, `},`...)
}

func (a *answer) begin(id, result string) {
	a.rest -= a.least(id)
	a.out = jsontext.AppendString(append(a.out, `{"recordId":`...), id)
	a.out = append(append(a.out, `,"result":"`...), result...)
	a.out = append(a.out, '"')
}

// done returns the answer.
func (a *answer) done() []byte {
	if last := len(a.out) - 1; a.out[last] == ',' {
		a.out = a.out[:last]
	}
	return append(a.out, closing...)
}
