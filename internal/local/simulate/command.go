package simulate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// command is what a device understands. Unknown members are ignored, as a device's firmware would.
type command struct {
	ID              string  `json:"command_id"` // what the device management API sends has one
	Action          string  `json:"action"`
	IntervalSeconds float64 `json:"interval_seconds"`
	Interval        float64 `json:"interval"` // seconds as well
}

// order takes a command from the broker.
func (d *device) order(_ paho.Client, m paho.Message) {
	var order command
	if err := json.Unmarshal(m.Payload(), &order); err != nil {
		d.tell(runlog.Event{Kind: runlog.Failed, Topic: m.Topic(), Error: "the command is not a JSON object: " +
			err.Error()})
		return
	}
	d.answer(order, contract.CommandReceived, "")
	select {
	case d.commands <- order:
	default:
		d.answer(order, contract.CommandFailed, "busy with sixteen other commands")
	}
}

// execute obeys a command, and says how it went.
func (d *device) execute(c command, interval time.Duration, safe bool) (time.Duration, bool) {
	if c.ID != "" {
		d.answered++
		if n := d.options.FailEvery; n > 0 && d.answered%n == 0 {
			d.done(c, "", errors.New("the simulation was asked to fail it"))
			return interval, safe
		}
	}
	interval, safe, detail, err := d.obey(c, interval, safe)
	d.done(c, detail, err)
	return interval, safe
}

func (d *device) done(c command, detail string, err error) {
	if err == nil {
		d.answer(c, contract.CommandSucceeded, detail)
	} else {
		detail = "ignored: " + err.Error()
		d.answer(c, contract.CommandFailed, err.Error())
	}
	d.tell(runlog.Event{Kind: runlog.Acted, Action: "command " + c.Action, Topic: d.bundle.Topics.Commands,
		Detail: detail})
}

// answer tells the device management API about a command. A command without an ID comes from somebody else, who expects
// no answer.
func (d *device) answer(c command, status, message string) {
	if c.ID == "" || strings.ContainsAny(c.ID, "/+#") || !d.options.AnswerCommands {
		return
	}
	payload, err := json.Marshal(struct {
		Status  string `json:"status"`
		Message string `json:"message,omitempty"`
	}{status, message})
	if err != nil {
		return // two strings always marshal
	}
	topic := d.bundle.Topics.Commands + "/" + c.ID + "/result"
	token := d.client.Publish(topic, 1, false, payload)
	go func() { // the acknowledgement may take long, and the device does not wait for it
		<-token.Done()
		if err := token.Error(); err != nil {
			d.tell(runlog.Event{Kind: runlog.Failed, Topic: topic, Error: err.Error()})
		}
	}()
}

// obey does what a command asks for. The error is why it cannot.
func (d *device) obey(c command, interval time.Duration, safe bool) (time.Duration, bool, string, error) {
	switch c.Action {
	case "update_interval":
		seconds := max(c.IntervalSeconds, c.Interval)
		if seconds <= 0 {
			return interval, safe, "", errors.New("it names no interval_seconds")
		}
		interval = max(minInterval, time.Duration(seconds*float64(time.Second)))
	case "enter_safe_mode":
		safe = true
	case "exit_safe_mode":
		safe = false
	case "irrigate":
		d.climate.water()
		return interval, safe, "the soil is wet", nil
	default:
		return interval, safe, "", fmt.Errorf("unknown action %.40q", c.Action)
	}
	shown := interval
	if safe {
		shown *= safeInterval
	}
	return interval, safe, fmt.Sprintf("publishes every %v", shown), nil
}
