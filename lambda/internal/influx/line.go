package influx

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// ThingTag is the tag that holds a thing's name.
const ThingTag = "thing"

// Encoder writes readings as lines.
//
// InfluxData's own encoder is not used: it writes a line feed or a tab in a string as \n or \t, and every version of
// InfluxDB stores that as two characters.
type Encoder struct {
	start string // measurement, and the tag up to its value
}

// NewEncoder makes an encoder of a measurement.
func NewEncoder(measurement string) *Encoder {
	return &Encoder{start: escapeMeasurement.Replace(measurement) + "," + ThingTag + "="}
}

// [InfluxDB line protocol, special characters]
var (
	escapeMeasurement = strings.NewReplacer(",", `\,`, " ", `\ `)
	escapeKey         = strings.NewReplacer(",", `\,`, "=", `\=`, " ", `\ `)
	escapeString      = strings.NewReplacer(`"`, `\"`, `\`, `\\`)
)

// Writes reports whether a measure becomes a field. A payload that names its thing adds nothing to the topic, and
// version 3 refuses a field with the name of a tag.
func Writes(m *telemetry.Measure) bool { return m.Name != ThingTag }

// Append appends the line of a reading, with its line feed, to out. A reading without fields has no line. Numbers are
// floats: a field whose type followed the spelling would be refused in every other message. The error is about what a
// device sent, a name that line protocol cannot express.
func (e *Encoder) Append(out []byte, thing string, r *telemetry.Reading) ([]byte, error) {
	before := len(out)
	for i := range r.Measures {
		m := &r.Measures[i]
		if !Writes(m) {
			continue
		}
		if problem := nameProblem(m.Name); problem != "" {
			return out[:before], fmt.Errorf("the measure name %q %s", m.Name, problem)
		}
		if len(out) == before {
			out = append(append(out, e.start...), escapeKey.Replace(thing)...)
			out = append(out, ' ')
		} else {
			out = append(out, ',')
		}
		out = append(append(out, escapeKey.Replace(m.Name)...), '=')
		var err error
		if out, err = appendValue(out, m); err != nil {
			return out[:before], err
		}
	}
	if len(out) == before {
		return out, nil
	}
	out = strconv.AppendInt(append(out, ' '), r.Time.UnixNano(), 10)
	return append(out, '\n'), nil
}

// nameProblem says what is wrong with a field's name, or "". A name has no escape for a line feed or a last backslash.
func nameProblem(name string) string {
	switch {
	case name == "time":
		return "is reserved: InfluxDB 1 and 2 would drop the field and say nothing"
	case name == "" || strings.HasSuffix(name, `\`) ||
		strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "has no place in line protocol: it is empty, ends in a backslash or has a control character"
	}
	return ""
}

func appendValue(out []byte, m *telemetry.Measure) ([]byte, error) {
	switch m.Kind {
	case telemetry.Number:
		v := m.Float()
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return out, fmt.Errorf("measure %q is not a finite number, and InfluxDB takes no others", m.Name)
		}
		return strconv.AppendFloat(out, v, 'g', -1, 64), nil
	case telemetry.Bool:
		return append(out, m.Text...), nil
	}
	out = append(out, '"')
	out = append(out, escapeString.Replace(m.Text)...)
	return append(out, '"'), nil
}
