package processor

import (
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// state is what is known of one device. Each of its three groups has its own time, because each can be newer or older
// than what is stored: a device that sends a backlog is seen now but measured then. Each has the index of the record of
// the batch that it comes from, or held.
type state struct {
	thing string

	seenAt int64 // arrival, ms; always there
	seen   int

	measuredAt int64               // the device's time, ms
	measures   []telemetry.Measure // the latest; empty: no reading had any
	measuredBy int

	statusAt int64
	status   string
	statusBy int

	size int // of a state that is held, in bytes
}

// held is the index of a group that comes from an earlier batch, whose records Lambda does not send again.
const held = -1

// outlivesBatch reports whether a part of the state comes from an earlier batch.
func (s *state) outlivesBatch() bool {
	return s.seen == held || s.statusBy == held || len(s.measures) > 0 && s.measuredBy == held
}

// over returns the newest of a state and of what is held of the device. Of equal times, the state's own groups count.
func (s state) over(earlier *state) state {
	if earlier == nil {
		return s
	}
	if earlier.seenAt > s.seenAt {
		s.seenAt, s.seen = earlier.seenAt, earlier.seen
	}
	if len(earlier.measures) > 0 && (len(s.measures) == 0 || earlier.measuredAt > s.measuredAt) {
		s.measuredAt, s.measures, s.measuredBy = earlier.measuredAt, earlier.measures, earlier.measuredBy
	}
	if earlier.statusAt > s.statusAt {
		s.statusAt, s.status, s.statusBy = earlier.statusAt, earlier.status, earlier.statusBy
	}
	return s
}

// detached returns a copy that does not keep the batch in memory.
func (s state) detached(size int) state {
	s.thing, s.size = strings.Clone(s.thing), size
	s.seen, s.measuredBy, s.statusBy = held, held, held
	measures := make([]telemetry.Measure, len(s.measures))
	for i, m := range s.measures {
		measures[i] = telemetry.Measure{Name: strings.Clone(m.Name), Text: strings.Clone(m.Text), Kind: m.Kind}
	}
	s.measures = measures
	return s
}
