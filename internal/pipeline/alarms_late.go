package pipeline

import (
	"fmt"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// lateAlarm is what an alarm waits for whose metrics are told apart by IDs that AWS assigns.
type lateAlarm struct {
	needs    func(b *builder) []string
	complete func(up assembly.Upstream, metrics []spec.MetricQuery) error
}

// metricsOfAPI completes metrics of the HTTP API.
func metricsOfAPI() *lateAlarm {
	return &lateAlarm{
		needs: func(*builder) []string { return []string{KeyAPI} },
		complete: func(up assembly.Upstream, metrics []spec.MetricQuery) error {
			id, err := apiID(up[KeyAPI])
			for i := range metrics {
				metrics[i].Dimensions = map[string]string{"ApiId": id}
			}
			return err
		},
	}
}

// Parts that hand the stream to functions.
const (
	keyProcessorMapping = "event_source"
	keyMetricsMapping   = "metrics/event_source"
)

// mappings are the parts that hand the stream to functions.
func (b *builder) mappings() []string {
	if b.hasMetrics() {
		return []string{keyProcessorMapping, keyMetricsMapping}
	}
	return []string{keyProcessorMapping}
}

// givenUpMetrics count what Lambda has written to the bucket, and what it has dropped because that failed as well
// [Lambda event source mapping metrics].
var givenUpMetrics = []string{"OnFailureDestinationDeliveredEventCount", "DroppedEventCount"}

// mappingDimension holds a part's key until its UUID is known.
const mappingDimension = "EventSourceMappingUUID"

// givenUp is the sum over all mappings. A metric has values only when something was given up.
func (b *builder) givenUp() []spec.MetricQuery {
	var metrics []spec.MetricQuery
	var terms []string
	for i, key := range b.mappings() {
		for j, name := range givenUpMetrics {
			m := measured("AWS/Lambda", name, "Sum", map[string]string{mappingDimension: key})
			m.ID, m.Returned = fmt.Sprintf("m%d", i*len(givenUpMetrics)+j), false
			metrics, terms = append(metrics, m), append(terms, "FILL("+m.ID+", 0)")
		}
	}
	return append(metrics, spec.MetricQuery{
		ID: "total", Returned: true, Label: "Records given up", Expression: strings.Join(terms, " + "),
	})
}

// countsOf puts the UUIDs of the mappings in.
func countsOf(up assembly.Upstream, metrics []spec.MetricQuery) error {
	for i := range metrics {
		key, ok := metrics[i].Dimensions[mappingDimension]
		if !ok {
			continue
		}
		id := up[key].ID
		if id == "" {
			return fmt.Errorf("the record of %s holds no ID", key)
		}
		metrics[i].Dimensions = map[string]string{mappingDimension: id}
	}
	return nil
}

// hasAlarm reports whether an alarm is on.
func (b *builder) hasAlarm(name string) bool {
	if !b.hasAlarms() {
		return false
	}
	for _, a := range alarms {
		if a.Name == name {
			_, on := a.own(deref(b.config.Monitoring.Alarms))
			return on
		}
	}
	return false
}
