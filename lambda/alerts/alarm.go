package alerts

import (
	"context"
	"encoding/json"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/emf"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/notice"
)

// alarmSeverity is that of every alarm: it is about the pipeline, so about all devices.
const alarmSeverity = "critical"

// alarmTimeForm is how CloudWatch writes times.
const alarmTimeForm = "2006-01-02T15:04:05.000-0700"

// alarmEvent is what CloudWatch calls a function with when an alarm changes its state
// [CloudWatch user guide, Lambda alarm actions].
type alarmEvent struct {
	Source    string `json:"source"`
	AlarmARN  string `json:"alarmArn"`
	AlarmData struct {
		Name          string     `json:"alarmName"`
		State         alarmState `json:"state"`
		Previous      alarmState `json:"previousState"`
		Configuration struct {
			Description string `json:"description"`
		} `json:"configuration"`
	} `json:"alarmData"`
}

type alarmState struct {
	Value     string `json:"value"`
	Reason    string `json:"reason"`
	Timestamp string `json:"timestamp"`
}

// parseAlarm reports whether an event is from an alarm. The alerts rule selects none of these members, so no device can
// make one up.
func parseAlarm(text []byte) (alarmEvent, bool) {
	var a alarmEvent
	if err := json.Unmarshal(text, &a); err != nil {
		return a, false
	}
	return a, a.Source == "aws.cloudwatch" && a.AlarmARN != "" && a.AlarmData.Name != ""
}

// alarm tells people that an alarm went off, or that it is over. A new alarm comes from INSUFFICIENT_DATA to OK, which
// is no news.
func (h *handler) alarm(ctx context.Context, a *alarmEvent, metrics *emf.Recorder) error {
	data := &a.AlarmData
	state, counted := notice.Alert, "Alarms"
	switch {
	case data.State.Value == "OK" && data.Previous.Value == "ALARM":
		state, counted = notice.Resolved, "AlarmsResolved"
	case data.State.Value != "ALARM":
		h.log.DebugContext(ctx, "alarm without news", "alarm", data.Name, "state", data.State.Value)
		return nil
	}
	received := h.now().UTC()
	changed, err := time.Parse(alarmTimeForm, data.State.Timestamp)
	if err != nil {
		changed = received
	}
	n := &notice.Notice{
		Pipeline: h.pipeline, Rule: data.Name, Severity: alarmSeverity, State: state,
		Message: notice.Cut(data.Configuration.Description, maxMessage), When: data.State.Reason,
		Time: changed.UTC().Format(notice.TimeForm), ReceivedAt: received.Format(notice.TimeForm),
		Values: map[string]json.RawMessage{},
	}
	if err := notice.Publish(ctx, h.topic, h.topicARN, n); err != nil {
		return err
	}
	metrics.Count(counted, 1)
	h.log.InfoContext(ctx, "alarm", "alarm", data.Name, "state", data.State.Value)
	return nil
}
