package alerts

import (
	"encoding/json"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/notice"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// Bounds on the parts of a notice. They cut what is of little use; package notice ensures that the whole fits.
const (
	maxMessage = 8192
	maxValues  = 50
	maxValue   = 256 // bytes of the name or the text of one value
)

// newNotice fills in what a notice says about the message itself.
func newNotice(pipeline string, r *rule, v *view, decoder *telemetry.Decoder) *notice.Notice {
	e := v.event
	n := &notice.Notice{
		Pipeline: pipeline, Rule: r.name, Severity: r.severity, Thing: e.thing, Topic: e.topic, When: r.when,
		Time: e.receivedAt.Format(notice.TimeForm), ReceivedAt: e.receivedAt.Format(notice.TimeForm),
		Values: map[string]json.RawMessage{}, Thresholds: v.thresholds, TraceID: e.traceID,
	}
	m := v.reading
	if m == nil {
		readings, err := decoder.Decode(e.payload, e.receivedAt)
		if err != nil {
			return n // a payload that is not telemetry has no values to show; its conditions were true anyway
		}
		m = &readings[len(readings)-1]
	}
	n.Time = m.Time.Format(notice.TimeForm)
	for _, measure := range m.Measures[:min(len(m.Measures), maxValues)] {
		text := json.RawMessage(measure.Text)
		if measure.Kind == telemetry.String || len(text) > maxValue {
			// A string always has a JSON form.
			text, _ = json.Marshal(notice.Cut(measure.Text, maxValue))
		}
		n.Values[notice.Cut(measure.Name, maxValue)] = text
	}
	return n
}

// received returns how long ago the broker received the message, in milliseconds.
func (e *event) received(now time.Time) int64 { return now.UnixMilli() - e.receivedAt.UnixMilli() }
