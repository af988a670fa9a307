package pipeline

// TelemetrySpec says how a device's payload is read.
type TelemetrySpec struct {
	DataField *string `json:"data_field,omitzero"`
	TimeField *string `json:"time_field,omitzero"`
}

// Defaults of the telemetry block.
const (
	DefaultDataField = "data"
	DefaultTimeField = "timestamp"
)

// telemetry is how the processor reads payloads.
func telemetry() capability {
	return capability{
		defaults: func(s *Spec) {
			s.Telemetry = block(s.Telemetry)
			s.Telemetry.DataField = or(s.Telemetry.DataField, DefaultDataField)
			s.Telemetry.TimeField = or(s.Telemetry.TimeField, DefaultTimeField)
		},
		check: func(c *checker, s Spec) {
			t := s.Telemetry
			if t == nil {
				return
			}
			c.checkField("telemetry.data_field", t.DataField)
			c.checkField("telemetry.time_field", t.TimeField)
			both := t.DataField != nil && t.TimeField != nil && c.known("telemetry.data_field") &&
				c.known("telemetry.time_field")
			if both && *t.DataField == *t.TimeField && *t.DataField != "" {
				c.fail("telemetry.time_field", "time_field and data_field are the same",
					"Both are %s; the time of a message cannot be the object that holds its measurements.",
					excerpt(*t.TimeField))
			}
		},
	}
}

func (c *checker) checkField(path string, field *string) {
	if field != nil && c.known(path) && (*field == "" || len(*field) > 256) {
		c.fail(path, lastName(path)+" is not valid", "It names a member of the device's payload and has 1 to 256 "+
			"characters. Leave it out for the documented shapes.")
	}
}
