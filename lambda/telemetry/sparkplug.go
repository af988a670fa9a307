package telemetry

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
	"github.com/iot-pipeline/terraform-provider-iot/internal/protomessage"
)

// sparkplugMessages are the messages of a Sparkplug B payload [Sparkplug 3.0, 6.4.1]: each with its fields, whose
// numbers count from 1. A "*" repeats a field.
var sparkplugMessages = map[string]string{
	"Payload": "timestamp:uint64 metrics:*Metric seq:uint64 uuid:string body:bytes",
	"Metric": "name:string alias:uint64 timestamp:uint64 datatype:uint32 is_historical:bool is_transient:bool " +
		"is_null:bool metadata:MetaData properties:PropertySet int_value:uint32 long_value:uint64 float_value:float " +
		"double_value:double boolean_value:bool string_value:string bytes_value:bytes dataset_value:DataSet " +
		"template_value:Template",
	"MetaData": "is_multi_part:bool content_type:string size:uint64 seq:uint64 file_name:string file_type:string " +
		"md5:string description:string",
	"PropertySet": "keys:*string values:*PropertyValue",
	"PropertyValue": "type:uint32 is_null:bool int_value:uint32 long_value:uint64 float_value:float " +
		"double_value:double boolean_value:bool string_value:string propertyset_value:PropertySet " +
		"propertysets_value:PropertySetList",
	"PropertySetList": "propertyset:*PropertySet",
	"DataSet":         "num_of_columns:uint64 columns:*string types:*uint32 rows:*Row",
	"Row":             "elements:*Element",
	"Element": "int_value:uint32 long_value:uint64 float_value:float double_value:double boolean_value:bool " +
		"string_value:string",
	"Template": "version:string metrics:*Metric parameters:*Parameter template_ref:string is_definition:bool",
	"Parameter": "name:string type:uint32 int_value:uint32 long_value:uint64 float_value:float double_value:double " +
		"boolean_value:bool string_value:string",
}

var sparkplugTypes = map[string]protomessage.Kind{
	"uint32": protomessage.KindUint32, "uint64": protomessage.KindUint64, "float": protomessage.KindFloat,
	"double": protomessage.KindDouble, "bool": protomessage.KindBool, "string": protomessage.KindString,
	"bytes": protomessage.KindBytes,
}

// sparkplugPayload returns the description of a payload.
var sparkplugPayload = sync.OnceValues(func() (*protomessage.Message, error) {
	const scope = "org.eclipse.tahu.protobuf."
	messages := map[string]*protomessage.Message{}
	for name := range sparkplugMessages {
		messages[name] = &protomessage.Message{Name: scope + name}
	}
	for name, fields := range sparkplugMessages {
		var list []*protomessage.Field
		for field := range strings.FieldsSeq(fields) {
			list = append(list, sparkplugField(field, messages))
		}
		if err := messages[name].Describe(list); err != nil {
			return nil, err
		}
	}
	return messages["Payload"], nil
})

func sparkplugField(text string, messages map[string]*protomessage.Message) *protomessage.Field {
	name, kind, _ := strings.Cut(text, ":")
	kind, repeated := strings.CutPrefix(kind, "*")
	f := &protomessage.Field{Name: name, Kind: sparkplugTypes[kind], Repeated: repeated}
	if f.Kind == 0 {
		f.Kind, f.Message = protomessage.KindMessage, messages[kind]
	}
	return f
}

// parseSparkplug builds a tree with the payload's time and its metrics, each with name, time and value. The value of a
// data set with one row, of a template or of a property set is an object.
func parseSparkplug(payload string) (*node, error) {
	of, err := sparkplugPayload()
	if err != nil {
		return nil, &Error{Reason: NotSparkplug, Detail: err.Error()}
	}
	m, err := unmarshal(payload, of, NotSparkplug)
	if err != nil {
		return nil, err
	}
	var raw node
	p := protobufTree{left: maxNodes}
	if err := p.message(&raw, m, maxNesting); err != nil {
		return nil, err
	}
	if raw.member("body") != nil {
		return nil, &Error{Reason: NotSparkplug, Detail: "the payload has a body, whose format Sparkplug leaves open"}
	}
	root := &node{kind: jsontext.Object}
	if t := raw.member("timestamp"); t != nil {
		root.items = append(root.items, *t)
	}
	metrics := node{kind: jsontext.Array, key: "metrics"}
	for n := range raw.member("metrics").elements() {
		metric, err := sparkplugMetric(&raw.member("metrics").items[n])
		if err != nil {
			return nil, err
		}
		metrics.items = append(metrics.items, metric)
	}
	root.items = append(root.items, metrics)
	return root, nil
}

// elements are the elements of an array, or the members of an object; none of a member that is not there.
func (n *node) elements() []node {
	if n == nil {
		return nil
	}
	return n.items
}

func sparkplugMetric(m *node) (node, error) {
	name, err := sparkplugName(m)
	if err != nil {
		return node{}, err
	}
	value, err := sparkplugValue(m, "datatype")
	if err != nil {
		return node{}, err
	}
	value.key = "value"
	metric := node{kind: jsontext.Object, items: []node{{kind: jsontext.String, key: "name", text: name}}}
	if t := m.member("timestamp"); t != nil {
		metric.items = append(metric.items, *t)
	}
	metric.items = append(metric.items, value)
	if data := m.member("metadata"); data != nil {
		metric.items = append(metric.items, *data)
	}
	if set := m.member("properties"); set != nil {
		properties, err := sparkplugProperties(set)
		if err != nil {
			return node{}, err
		}
		properties.key = "properties"
		metric.items = append(metric.items, properties)
	}
	return metric, nil
}

// sparkplugName names a metric. Only the birth message, which the processor does not remember, says which name an alias
// stands for.
func sparkplugName(m *node) (string, error) {
	if name := m.member("name"); name != nil && name.text != "" {
		return name.text, nil
	}
	if alias := m.member("alias"); alias != nil {
		return "alias." + alias.text, nil
	}
	return "", &Error{Reason: NotSparkplug, Detail: "a metric has neither a name nor an alias"}
}

// sparkplugValue returns the value of a metric, property, parameter or element of a row, whose type is in a member.
func sparkplugValue(m *node, kind string) (node, error) {
	if null := m.member("is_null"); null != nil && null.text == "true" {
		return node{kind: jsontext.Null}, nil
	}
	for n := range m.items {
		v := m.items[n]
		switch v.key {
		case "int_value", "long_value":
			return sparkplugInteger(v, m.member(kind))
		case "float_value", "double_value", "boolean_value", "string_value", "bytes_value":
			return v, nil
		case "dataset_value":
			return sparkplugDataSet(&v)
		case "template_value":
			return sparkplugTemplate(&v)
		case "propertyset_value":
			return sparkplugProperties(&v)
		case "propertysets_value":
			return sparkplugPropertyList(&v)
		}
	}
	return node{kind: jsontext.Null}, nil
}

// signed are the bits of the signed types [Sparkplug 3.0, 6.4.16]; they arrive as unsigned numbers. Messages after a
// birth need not repeat the type: their numbers count as signed, as most are.
var signed = map[string]int{"1": 8, "2": 16, "3": 32, "4": 64}

func sparkplugInteger(v node, kind *node) (node, error) {
	bits := 32
	if v.key == "long_value" {
		bits = 64
	}
	if kind != nil && kind.text != "0" {
		if bits = signed[kind.text]; bits == 0 {
			return v, nil
		}
	}
	number, err := strconv.ParseUint(v.text, 10, 64)
	if err != nil {
		return v, &Error{Reason: NotSparkplug, Detail: "an integer cannot be read"}
	}
	switch bits {
	case 8:
		v.text = strconv.Itoa(int(int8(number)))
	case 16:
		v.text = strconv.Itoa(int(int16(number)))
	case 32:
		v.text = strconv.Itoa(int(int32(number)))
	default:
		v.text = strconv.FormatInt(int64(number), 10)
	}
	return v, nil
}

// sparkplugDataSet makes an object of the columns of a row. Several rows are an array, which is no measure.
func sparkplugDataSet(set *node) (node, error) {
	columns, types := set.member("columns").elements(), set.member("types").elements()
	rows := node{kind: jsontext.Array}
	for _, row := range set.member("rows").elements() {
		elements := row.member("elements").elements()
		if len(elements) != len(columns) || len(types) != len(columns) {
			return node{}, &Error{Reason: NotSparkplug, Detail: "a row of a data set has not as many elements as " +
				"the data set has columns and types"}
		}
		object := node{kind: jsontext.Object}
		for n := range elements {
			typed := node{kind: jsontext.Object, items: append([]node{{key: "type", text: types[n].text}},
				elements[n].items...)}
			value, err := sparkplugValue(&typed, "type")
			if err != nil {
				return node{}, err
			}
			value.key = columns[n].text
			object.items = append(object.items, value)
		}
		rows.items = append(rows.items, object)
	}
	if len(rows.items) == 1 {
		return rows.items[0], nil
	}
	return rows, nil
}

// sparkplugTemplate makes an object of the metrics and parameters of a template. Its metrics have the time of the
// metric that holds the template.
func sparkplugTemplate(t *node) (node, error) {
	object := node{kind: jsontext.Object}
	for n := range t.member("metrics").elements() {
		m := &t.member("metrics").items[n]
		value, err := sparkplugValue(m, "datatype")
		if err != nil {
			return node{}, err
		}
		if value.key, err = sparkplugName(m); err != nil {
			return node{}, err
		}
		object.items = append(object.items, value)
	}
	parameters := node{kind: jsontext.Object, key: "parameters"}
	for _, p := range t.member("parameters").elements() {
		value, err := sparkplugValue(&p, "type")
		if err != nil {
			return node{}, err
		}
		if value.key = ""; p.member("name") != nil {
			value.key = p.member("name").text
		}
		parameters.items = append(parameters.items, value)
	}
	if len(parameters.items) > 0 {
		object.items = append(object.items, parameters)
	}
	return object, nil
}

func sparkplugProperties(set *node) (node, error) {
	keys, values := set.member("keys").elements(), set.member("values").elements()
	if len(keys) != len(values) {
		return node{}, &Error{Reason: NotSparkplug, Detail: fmt.Sprintf("a property set has %d keys and %d values",
			len(keys), len(values))}
	}
	object := node{kind: jsontext.Object}
	for n := range keys {
		value, err := sparkplugValue(&values[n], "type")
		if err != nil {
			return node{}, err
		}
		value.key = keys[n].text
		object.items = append(object.items, value)
	}
	return object, nil
}

func sparkplugPropertyList(list *node) (node, error) {
	array := node{kind: jsontext.Array}
	for n := range list.member("propertyset").elements() {
		set, err := sparkplugProperties(&list.member("propertyset").items[n])
		if err != nil {
			return node{}, err
		}
		array.items = append(array.items, set)
	}
	return array, nil
}

// sparkplug reads the metrics of a payload. Metrics of one time are one reading.
func (i *interpreter) sparkplug(root *node) error {
	when, _, err := i.timeOf(root, nil, moment{time: i.arrival}, 0)
	if err != nil {
		return err
	}
	first := len(i.list)
	if err := i.pairs(root.member("metrics"), &Pairs{"name", "value"}, when, 1); err != nil {
		return err
	}
	if len(i.list) == first { // no metrics, or none that is a measure
		i.begin()
		i.reading(when, 0)
	}
	return nil
}
