package pipeline

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// actionFields are the fields of RouteSpec that hold an action, by the name of the attribute.
func actionFields() map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[RouteSpec]()) {
		if f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct {
			fields[tagName(f)] = f
		}
	}
	return fields
}

func tagName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// fill sets every field below v, texts to the given one, and returns a function per argument that clears it.
func fill(v reflect.Value, text string) (clears []func()) {
	switch {
	case v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct:
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), text)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			// A header has these in place of its value: see TestWriteOnlyHeader.
			if slices.Contains([]string{"ValueWO", "ValueWOVersion", "Secret"}, v.Type().Field(i).Name) {
				continue
			}
			clears = append(clears, fill(v.Field(i), text)...)
		}
		return clears
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		return append(fill(v.Index(0), text), v.SetZero)
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), reflect.ValueOf(text))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.Int64:
		v.SetInt(1)
	default:
		v.SetString(text)
	}
	return []func(){v.SetZero}
}

// TestEveryActionIsComplete: each action is listed, turns into the action of the same name, passes on all of its
// arguments, and has the grants that it needs.
func TestEveryActionIsComplete(t *testing.T) {
	withoutRole := []string{"lambda", "http", "kafka"}
	fields := actionFields()
	if len(fields) < 15 {
		t.Fatalf("RouteSpec has the actions %v, want at least 15", slices.Sorted(maps.Keys(fields)))
	}
	for name, field := range fields {
		var route RouteSpec
		clears := fill(reflect.ValueOf(&route).Elem().FieldByIndex(field.Index), "x")
		actions := route.actions()
		if len(actions) != 1 || actions[0].name != name {
			t.Errorf("actions() lists %v for a route with %s", actions, name)
			continue
		}
		action := actions[0]
		want := action.desired("role")
		if got := setMembers(want); !slices.Equal(got, []string{name}) {
			t.Errorf("%s becomes the actions %v of a topic rule", name, got)
		}
		for i, unset := range clears {
			before := action.desired("role")
			unset()
			if reflect.DeepEqual(before, action.desired("role")) {
				t.Errorf("argument %d of %s has no effect", i, name)
			}
		}
		grants := action.grants(newBuilder(Spec{Name: "min"}, testEnv()).arn)
		if needless := slices.Contains(withoutRole, name); needless != (len(grants) == 0) {
			t.Errorf("%s is granted %v", name, grants)
		}
		if usesRole := strings.Contains(encode(want), `"role"`); usesRole == slices.Contains(withoutRole, name) {
			t.Errorf("%s uses the route's role: %t", name, usesRole)
		}
	}
}

// setMembers are the names of the members of an action that are set.
func setMembers(a spec.Action) (names []string) {
	v := reflect.ValueOf(a)
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			names = append(names, tagName(v.Type().Field(i)))
		}
	}
	return names
}

// TestTemplates: AWS IoT replaces templates in these arguments [AWS 2.1], so each is compiled.
func TestTemplates(t *testing.T) {
	want := []string{
		"cloudwatch_alarm.alarm_name", "cloudwatch_alarm.state_reason", "cloudwatch_alarm.state_value",
		"cloudwatch_logs.log_group_name",
		"cloudwatch_metric.metric_name", "cloudwatch_metric.metric_namespace", "cloudwatch_metric.metric_timestamp",
		"cloudwatch_metric.metric_unit", "cloudwatch_metric.metric_value",
		"dynamodb.hash_key_value", "dynamodb.operation", "dynamodb.range_key_value", "dynamodb.table_name",
		"dynamodbv2.put_item.table_name",
		"firehose.delivery_stream_name",
		"http.http_header[0].value", "http.url",
		"iot_sitewise.put_asset_property_value_entries[0].asset_id",
		"iot_sitewise.put_asset_property_value_entries[0].entry_id",
		"iot_sitewise.put_asset_property_value_entries[0].property_alias",
		"iot_sitewise.put_asset_property_value_entries[0].property_id",
		"iot_sitewise.put_asset_property_value_entries[0].property_values[0].quality",
		"iot_sitewise.put_asset_property_value_entries[0].property_values[0].timestamp.offset_in_nanos",
		"iot_sitewise.put_asset_property_value_entries[0].property_values[0].timestamp.time_in_seconds",
		"iot_sitewise.put_asset_property_value_entries[0].property_values[0].value.boolean_value",
		"iot_sitewise.put_asset_property_value_entries[0].property_values[0].value.double_value",
		"iot_sitewise.put_asset_property_value_entries[0].property_values[0].value.integer_value",
		"iot_sitewise.put_asset_property_value_entries[0].property_values[0].value.string_value",
		`kafka.client_properties["key"]`, "kafka.header[0].key", "kafka.header[0].value", "kafka.key", "kafka.partition",
		"kafka.topic",
		"kinesis.partition_key", "kinesis.stream_name",
		"lambda.function_arn",
		"location.device_id", "location.latitude", "location.longitude", "location.timestamp.value", "location.tracker_name",
		"opensearch.id", "opensearch.index", "opensearch.type",
		"republish.headers.content_type", "republish.headers.correlation_data", "republish.headers.message_expiry",
		"republish.headers.payload_format_indicator", "republish.headers.response_topic",
		`republish.headers.user_properties["key"]`, "republish.topic",
		"s3.bucket_name", "s3.key",
		"sns.target_arn",
		"sqs.queue_url",
		"step_functions.execution_name_prefix", "step_functions.state_machine_name",
		"timestream.database_name", "timestream.dimension[0].value", "timestream.table_name", "timestream.timestamp.value",
	}
	route := RouteSpec{SQL: "SELECT * FROM 'a'"}
	for _, field := range actionFields() {
		fill(reflect.ValueOf(&route).Elem().FieldByIndex(field.Index), "${topic(")
	}
	var got []string
	for _, p := range Validate(Spec{Name: "min", Routes: map[string]RouteSpec{"extra": route}}, nil) {
		if strings.Contains(p.Summary, "not a valid substitution template") {
			got = append(got, strings.TrimPrefix(p.Path, `routes["extra"].`))
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("templates (-want +got):\n%s", diff)
	}
}

// TestWriteOnlyHeader: the value of a configuration is in what is applied, and in nothing that is written.
func TestWriteOnlyHeader(t *testing.T) {
	of := func(h HTTPHeader) Spec {
		return Spec{Name: "min", Routes: map[string]RouteSpec{"hook": {SQL: "SELECT * FROM 'a'",
			HTTP: &HTTPRoute{URL: "https://a", HTTPHeader: []HTTPHeader{h}}}}}
	}
	planned := of(HTTPHeader{Key: "k", ValueWOVersion: ptr(int64(2))})
	header := func() spec.HTTPHeader {
		return planned.Routes["hook"].HTTP.desired("").HTTP.Headers[0]
	}
	if got := header(); got != (spec.HTTPHeader{Key: "k", Version: 2}) {
		t.Errorf("a plan has %+v", got)
	}
	planned.TakeSecrets(of(HTTPHeader{Key: "k", ValueWO: ptr("5ecret"), ValueWOVersion: ptr(int64(2))}))
	if got := header(); got != (spec.HTTPHeader{Key: "k", Value: "5ecret", Version: 2}) {
		t.Errorf("an apply has %+v", got)
	}
	parts, err := Build(planned, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if p.Key != KeyManifest {
			continue
		}
		want, err := p.Want(nil)
		if err != nil || strings.Contains(encode(want), "5ecret") {
			t.Errorf("the manifest: %v, %s", err, encode(want))
		}
	}
	planned.TakeSecrets(Spec{})
	for want, h := range map[string]HTTPHeader{
		"two values": {Key: "k", Value: ptr("v"), ValueWO: ptr("v"), ValueWOVersion: ptr(int64(1))},
		"no version": {Key: "k", ValueWO: ptr("v")}, "no value": {Key: "k"},
	} {
		problems := Validate(of(h), nil)
		if len(problems) != 1 || !strings.Contains(problems[0].Summary, want) {
			t.Errorf("%s: %+v", want, problems)
		}
	}
	version := of(HTTPHeader{Key: "k", ValueWOVersion: ptr(int64(1))})
	if problems := append(Validate(version, nil), MissingSecrets(version, func(string) bool { return true })...); len(problems) > 0 {
		t.Errorf("a plan, or an unknown value: %+v", problems)
	}
	problems := MissingSecrets(version, func(string) bool { return false })
	if len(problems) != 1 || problems[0].Path != `routes["hook"].http.http_header[0].value_wo` {
		t.Errorf("a version without a value: %+v", problems)
	}
}
