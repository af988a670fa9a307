package costs

import (
	"encoding/json"

	"github.com/iot-pipeline/terraform-provider-iot/internal/argument"
)

// Decode reads a setup from JSON. What is missing or null has its default. The error is an *argument.Error for a member
// that does not exist or has another type, and says which.
func Decode(text []byte) (Setup, error) {
	s := Default()
	err := argument.Decode(text, &s, "{ devices = 1000 }")
	return s, err
}

// UnmarshalJSON gives what is missing its default.
func (t *Timestream) UnmarshalJSON(text []byte) error {
	type plain Timestream
	*t = *DefaultTimestream()
	return json.Unmarshal(text, (*plain)(t))
}

// UnmarshalJSON gives what is missing its default.
func (r *Recent) UnmarshalJSON(text []byte) error {
	type plain Recent
	*r = *DefaultRecent()
	return json.Unmarshal(text, (*plain)(r))
}

// UnmarshalJSON gives what is missing its default.
func (m *Metrics) UnmarshalJSON(text []byte) error {
	type plain Metrics
	*m = *DefaultMetrics()
	return json.Unmarshal(text, (*plain)(m))
}

// UnmarshalJSON gives what is missing its default.
func (m *Monitoring) UnmarshalJSON(text []byte) error {
	type plain Monitoring
	*m = *DefaultMonitoring()
	return json.Unmarshal(text, (*plain)(m))
}

// UnmarshalJSON gives what is missing its default.
func (a *API) UnmarshalJSON(text []byte) error {
	type plain API
	*a = *DefaultAPI()
	return json.Unmarshal(text, (*plain)(a))
}

// UnmarshalJSON gives what is missing its default.
func (e *Edge) UnmarshalJSON(text []byte) error {
	type plain Edge
	*e = *DefaultEdge()
	return json.Unmarshal(text, (*plain)(e))
}

// UnmarshalJSON gives what is missing its default.
func (q *Queries) UnmarshalJSON(text []byte) error {
	type plain Queries
	*q = *DefaultQueries()
	return json.Unmarshal(text, (*plain)(q))
}

// UnmarshalJSON gives what is missing its default.
func (i *Instance) UnmarshalJSON(text []byte) error {
	type plain Instance
	*i = Instance{Type: "db.influx.medium"}
	return json.Unmarshal(text, (*plain)(i))
}

// UnmarshalJSON gives what is missing its default.
func (a *Alerts) UnmarshalJSON(text []byte) error {
	type plain Alerts
	*a = *DefaultAlerts()
	return json.Unmarshal(text, (*plain)(a))
}
