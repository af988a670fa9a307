package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
)

// telemetryCalls is what the texts of the telemetry rule may call: its role can only write to the stream.
const telemetryCalls = "the role of the telemetry rule has no permission for it, so call it in the sql of a route"

// telemetrySQL returns the statement of the telemetry rule. What select and where hold stays as it was written. A plan
// that did not know them has not checked them.
func (b *builder) telemetrySQL() (string, error) {
	t := b.config.Telemetry
	sql := "SELECT " + strings.TrimSpace(*or(t.Select, "*"))
	if b.queued() {
		sql = b.envelope("telemetry", b.thingCall())
	}
	sql += " FROM " + b.from("telemetry")
	if t.Where != nil {
		sql += " WHERE " + strings.TrimSpace(*t.Where)
	}
	if t.Select == nil && t.Where == nil {
		return sql, nil
	}
	o := iotsql.Options{RuleName: b.names.rule("telemetry"), NoServices: telemetryCalls}
	if _, err := iotsql.Compile(sql, o); err != nil {
		return "", fmt.Errorf("compiling telemetry.select and telemetry.where: %w", err)
	}
	return sql, nil
}

func (c *checker) checkTelemetryRule(t TelemetrySpec) {
	if t.Select != nil {
		c.checkSelect(t)
	}
	if t.Where != nil {
		c.checkWhere(t)
	}
}

// checkSelect checks what the telemetry rule selects.
func (c *checker) checkSelect(t TelemetrySpec) {
	const path = "telemetry.select"
	if !c.known(path) {
		return
	}
	c.selectsJSON("telemetry.format", t.Format, "json", "senml")
	c.selectsJSON("telemetry.compression", t.Compression)
	list, err := iotsql.CompileSelectList(*t.Select, iotsql.Options{NoServices: telemetryCalls})
	if !c.sql(path, "AWS IoT SQL select list", list, err) {
		return
	}
	if list.IsScalar() {
		c.fail(path, "select has a single value", "A reading is an object, and several readings are an array. What "+
			"VALUE selects here is neither, so every message would become a dead letter. Give the value a name: "+
			"leave VALUE out and write AS and the name after the expression.")
		return
	}
	paths, more := list.Output()
	for message, names := range map[string][2]string{
		"status message":   {"status_payload", "status_topic"},
		"command's result": {"result_payload", "result_topic"},
	} {
		if slices.Contains(paths, names[0]) && slices.Contains(paths, names[1]) {
			c.fail(path, "select has the form of a "+message,
				"The processor recognises a %s by the names %s and %s. Choose other names.",
				message, names[0], names[1])
		}
	}
	if !more {
		c.checkOutput(t, paths)
	}
}

// selectsJSON checks an argument that describes a device's payload: the functions read what the rule selects.
func (c *checker) selectsJSON(path string, value *string, allowed ...string) {
	if value == nil || slices.Contains(allowed, *value) || !c.known(path) {
		return
	}
	c.fail(path, fmt.Sprintf("%s and select are both set", lastName(path)), "The functions read what the rule "+
		"selects, and that is JSON whatever the device sends. Leave %s out if select decodes the payload, such as "+
		"with decode(…, 'proto', …). Otherwise leave select out, so that the functions get the payload as the device "+
		"sent it.", lastName(path))
}

// checkOutput warns if nothing that is selected can be a measure, or if a path leads to nothing. Paths are all that
// the rule selects.
func (c *checker) checkOutput(t TelemetrySpec, paths []string) {
	for _, arg := range []struct {
		name string
		path *string
	}{{"data_path", t.DataPath}, {"readings_path", t.ReadingsPath}} {
		path := "telemetry." + arg.name
		leads := func(out string) bool { return out == *arg.path || below(out, *arg.path) || below(*arg.path, out) }
		if arg.path != nil && c.known(path) && !slices.ContainsFunc(paths, leads) {
			c.warn(path, arg.name+" leads to nothing", "The rule selects only %s, and the functions read what it "+
				"selects. Let select write %s, or change %s.", strings.Join(paths, ", "), excerpt(*arg.path), arg.name)
		}
	}
	for _, argument := range []string{"telemetry.time_field", "telemetry.time_path", "telemetry.ignore"} {
		if !c.known(argument) {
			return
		}
	}
	if !slices.ContainsFunc(paths, func(out string) bool { return !t.isTime(out) && !t.ignores(out) }) {
		c.warn("telemetry.select", "select has no measure", "The rule selects only %s, which is a time or is "+
			"ignored, so that nothing is stored. Select the measures as well.", strings.Join(paths, ", "))
	}
}

// isTime reports whether the functions always read the member at path as the time.
func (t TelemetrySpec) isTime(path string) bool {
	return path == *or(t.TimeField, DefaultTimeField) || path == DefaultTimeField || path == deref(t.TimePath)
}

// ignores reports whether the measure at path is ignored, with all below it.
func (t TelemetrySpec) ignores(path string) bool {
	return slices.ContainsFunc(t.Ignore, func(pattern string) bool {
		steps, names := strings.Split(pattern, "."), strings.Split(path, ".")
		if len(steps) > len(names) {
			return false
		}
		for i, step := range steps {
			if step != "*" && step != names[i] {
				return false
			}
		}
		return true
	})
}

// below reports whether path leads to something inside of what parent leads to.
func below(path, parent string) bool { return strings.HasPrefix(path, parent+".") }

// checkWhere checks which messages the telemetry rule selects.
func (c *checker) checkWhere(t TelemetrySpec) {
	const path = "telemetry.where"
	if !c.known(path) {
		return
	}
	if strings.TrimSpace(*t.Where) == "" {
		c.fail(path, "The condition is empty", "Write an AWS IoT SQL condition, for example isUndefined(debug). "+
			"Leave where out to store all messages.")
		return
	}
	where, err := iotsql.CompileCondition(*t.Where, iotsql.Options{NoServices: telemetryCalls})
	if !c.sql(path, "AWS IoT SQL condition", where, err) {
		return
	}
	binary := !slices.Contains([]string{"", "json", "senml"}, deref(t.Format)) || t.Compression != nil
	members := slices.DeleteFunc(where.Paths(), func(p string) bool { return p == "*" })
	if binary && len(members) > 0 && c.known("telemetry.format") && c.known("telemetry.compression") {
		c.fail(path, "where cannot read the payload", "The rule reads JSON, and the payload is in another form, so "+
			"%s is always Undefined. Use only what is not in the payload, such as topic(2).", members[0])
	}
}
