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
	DatabaseName string                `json:"database_name"`
	TableName    string                `json:"table_name"`
	Dimension    []TimestreamDimension `json:"dimension,omitzero"`
	Timestamp    *TimestreamTimestamp  `json:"timestamp,omitzero"` // nil: the time of arrival
}

// TimestreamDimension is one of what tells records apart.
type TimestreamDimension struct {
	Name  string `json:"name"`
	Value string `json:"value"` // template
}

// TimestreamTimestamp is the time of a Timestream record.
type TimestreamTimestamp struct {
	Value string  `json:"value"`         // template
	Unit  *string `json:"unit,omitzero"` // "SECONDS", "MILLISECONDS", "MICROSECONDS" or "NANOSECONDS"
}

func (a *TimestreamRoute) desired(role string) spec.Action {
	action := &spec.TimestreamAction{RoleARN: role, Database: a.DatabaseName, Table: a.TableName}
	for _, d := range a.Dimension {
		action.Dimensions = append(action.Dimensions, spec.TimestreamDimension{Name: d.Name, Value: d.Value})
	}
	if t := a.Timestamp; t != nil {
		action.TimestampValue, action.TimestampUnit = t.Value, deref(t.Unit)
	}
	return spec.Action{Timestream: action}
}

func (a *TimestreamRoute) grants(n arns) []statement {
	return []statement{
		allow([]string{"timestream:WriteRecords"}, n.timestreamTable(wild(a.DatabaseName), wild(a.TableName))),
		allow([]string{"timestream:DescribeEndpoints"}, "*"),
	}
}

// check applies the rules of [AWS 2.1 Timestream].
func (a *TimestreamRoute) check(c *actionChecker) {
	c.target("database_name", a.DatabaseName, "Timestream database")
	c.target("table_name", a.TableName, "Timestream table")
	path := c.arg("dimension")
	if len(a.Dimension) == 0 && c.known(path) {
		c.fail(path, "Timestream needs a dimension", "Records without dimensions cannot be told apart. "+
			"Add at least one, for example [{ name = \"device_id\", value = \"$${topic(2)}\" }].")
	}
	for i, d := range a.Dimension {
		c.templateAt(item(path, i)+".value", d.Value)
		name := item(path, i) + ".name"
		if !c.known(name) {
			continue
		}
		if !isDimension(d.Name) {
			c.fail(name, fmt.Sprintf("Dimension name %s is not valid", excerpt(d.Name)),
				"Timestream allows up to 60 bytes without a colon, and reserves measure_name, time and names that "+
					"start with ts_ or measure_value.")
		}
		if slices.ContainsFunc(a.Dimension[:i], func(e TimestreamDimension) bool { return e.Name == d.Name }) {
			c.fail(name, fmt.Sprintf("Dimension %s appears twice", excerpt(d.Name)),
				"A record has one value for each dimension. Remove one of the two.")
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
