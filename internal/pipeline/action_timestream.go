package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// TimestreamUnits are the values of timestamp.unit [AWS 2.1 Timestream].
var TimestreamUnits = Choice{Values: []string{"SECONDS", "MILLISECONDS", "MICROSECONDS", "NANOSECONDS"},
	Default: "MILLISECONDS"}

// TimestreamRoute writes one record per attribute of the output.
type TimestreamRoute struct {
	Database   string               `json:"database"`
	Table      string               `json:"table"`
	Dimensions map[string]string    `json:"dimensions,omitzero"` // name to template
	Timestamp  *TimestreamTimestamp `json:"timestamp,omitzero"`  // nil: the time of arrival
}

// TimestreamTimestamp is the time of a Timestream record.
type TimestreamTimestamp struct {
	Value string  `json:"value"`         // template
	Unit  *string `json:"unit,omitzero"` // "SECONDS", "MILLISECONDS", "MICROSECONDS" or "NANOSECONDS"
}

func (a *TimestreamRoute) desired(role string) spec.Action {
	action := &spec.TimestreamAction{RoleARN: role, Database: a.Database, Table: a.Table}
	for _, name := range sortedKeys(a.Dimensions) {
		action.Dimensions = append(action.Dimensions, spec.TimestreamDimension{Name: name, Value: a.Dimensions[name]})
	}
	if t := a.Timestamp; t != nil {
		action.TimestampValue, action.TimestampUnit = t.Value, deref(t.Unit)
	}
	return spec.Action{Timestream: action}
}

func (a *TimestreamRoute) grants(n arns) []statement {
	return []statement{
		allow([]string{"timestream:WriteRecords"}, n.timestreamTable(wild(a.Database), wild(a.Table))),
		allow([]string{"timestream:DescribeEndpoints"}, "*"),
	}
}

// check applies the rules of [AWS 2.1 Timestream].
func (a *TimestreamRoute) check(c *actionChecker) {
	c.target("database", a.Database, "Timestream database")
	c.target("table", a.Table, "Timestream table")
	path := c.arg("dimensions")
	c.templates("dimensions", a.Dimensions)
	if len(a.Dimensions) == 0 && c.known(path) {
		c.fail(path, "Timestream needs a dimension", "Records without dimensions cannot be told apart. "+
			"Add at least one, for example { device_id = \"$${topic(2)}\" }.")
	}
	for _, name := range sortedKeys(a.Dimensions) {
		if !isDimension(name) {
			c.fail(at(path, name), fmt.Sprintf("Dimension name %s is not valid", excerpt(name)),
				"Timestream allows up to 60 bytes without a colon, and reserves measure_name, time and names that "+
					"start with ts_ or measure_value.")
		}
	}
	if t := a.Timestamp; t != nil {
		c.template("timestamp.value", &t.Value)
		c.choice(c.arg("timestamp.unit"), t.Unit, TimestreamUnits)
	}
}

func isDimension(name string) bool {
	reserved := slices.Contains([]string{"measure_name", "time"}, name) ||
		strings.HasPrefix(name, "ts_") || strings.HasPrefix(name, "measure_value")
	return name != "" && len(name) <= 60 && !strings.Contains(name, ":") && !reserved
}
