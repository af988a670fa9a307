package pipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
)

// TestUnpredictable varies every argument of the descriptions that the golden files are made from. What changes with an
// argument must be in the shapes of its capability: else a plan predicts something that an apply does not keep, which
// Terraform reports as a bug in the provider.
func TestUnpredictable(t *testing.T) {
	varied := map[string]bool{}
	for name, s := range map[string]Spec{"minimal": testSpec(t, "minimal"), "greenhouse": testSpec(t, "greenhouse"),
		"full": testSpec(t, "full"), "queue": testSpec(t, "queue"), "drain": testSpec(t, "drain"), "the rest": theRest(t)} {
		s := Defaults(s)
		before := predictions(t, s)
		for _, v := range variants(t, s) {
			varied[pattern(v.steps)] = true
			parts, outputs := Unpredictable(v.steps)
			for what, value := range predictions(t, v.spec) {
				unpredictable := what == "parts" && parts || slices.Contains(outputs, what)
				if !unpredictable && !reflect.DeepEqual(value, before[what]) {
					t.Errorf("%s: %s changes with %s:\n%v\n%v", name, what, strings.Join(v.steps, "."), before[what],
						value)
				}
			}
		}
	}
	for _, argument := range argumentsOf(reflect.TypeFor[Spec](), "") {
		if !varied[argument] {
			t.Errorf("no description of testdata writes %s", argument)
		}
	}
}

// theRest writes the arguments that no description of testdata writes.
func theRest(t *testing.T) Spec {
	t.Helper()
	s := testSpec(t, "full")
	delete(s.Routes, "everything") // "full" has it, and the manifest of all together is too large
	text := `{
		"deep_check": true,
		"credentials": {"store": "s3", "allowed_principals": ["arn:aws:iam::123456789012:role/deploy"]},
		"telemetry": {"select": "a", "where": "b > 1", "data_path": "a.b", "time_path": "c", "time_format": "seconds", "readings_path": "d",
			"pairs": {"name": "n", "value": "v"}, "convert_strings": true, "ignore": ["x"], "rename": {"y": "z"},
			"format": "protobuf", "compression": "gzip",
			"protobuf": {"descriptor_file": "fleet.desc", "message": "fleet.Reading"}},
		"devices": {},
		"devices_from": {"file": "fleet.csv", "report": "changes.csv"},
		"influxdb": {"url": "https://influx.farm.example:8086", "token_secret_arn": null},
		"api": {"auth": "jwt", "jwt": {"issuer": "https://a.example", "audiences": ["b"], "read_scopes": ["c"], "write_scopes": ["d"]}},
		"edge": {"greengrass": {"artifacts": {"arm64": "a.zip"}, "rollback": false, "rollout": {
			"maximum_per_minute": 9, "start_per_minute": 9, "growth_factor": 3, "growth_after": 9, "abort_percent": 9,
			"abort_minimum": 9, "timeout_minutes": 9}}, "rules": {"hot": {"sql": "SELECT * FROM 'farm/north/+/telemetry'", "action": "drop",
			"window": {"seconds": 60, "aggregates": ["max"], "late": "drop"}, "priority": "low",
			"report": {"dead_band": {"*": {"absolute": 1}, "t": {"percent": 1}}, "at_least_every_seconds": 1},
			"rate_limit": {"messages": 1, "seconds": 1}, "command": {"child": "a", "payload": "b", "cleared_payload": "c"},
			"alert": {"clear_when": "x"}}}},
		"timeouts": {"create": "1h", "read": "1h", "update": "1h", "delete": "1h"},
		"routes": {"rest": {
			"sql": "SELECT * FROM 'greenhouse/#'",
			"dynamodb": {"table_name": "t", "hash_key_field": "id", "hash_key_value": "1", "hash_key_type": "NUMBER"},
			"cloudwatch_metric": {"metric_namespace": "n", "metric_name": "m", "metric_value": "1", "metric_unit": "None",
				"metric_timestamp": "1"},
			"republish": {"topic": "t", "headers": {"payload_format_indicator": "UTF8_DATA", "response_topic": "r",
				"correlation_data": "YQ==", "message_expiry": "60"}}}}
	}`
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	s.Provisioning.JITP.ThingNamePrefix = ptr("farm-")
	s.Devices["valve-1"] = DeviceSpec{CertificatePEM: ptr(certificatePEM(longValid))}
	return s
}

// argumentsOf are the paths of the arguments that a type of the description holds, with "*" for the keys of maps.
func argumentsOf(at reflect.Type, path string) []string {
	var list []string
	for _, field := range reflect.VisibleFields(at) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		name = strings.TrimPrefix(path+"."+name, ".")
		if name == "name" || name == "region" {
			continue // without them, nothing is planned
		}
		list = append(list, name)
		inner := field.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Map {
			if inner.Kind() == reflect.Map {
				name += ".*"
			}
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			list = append(list, argumentsOf(inner, name)...)
		}
	}
	return list
}

// keyed are the maps of the description.
var keyed = regexp.MustCompile(`^(devices|routes|alerts\.rules|edge\.rules)\.[^.]+`)

var deadBands = regexp.MustCompile(`^(edge\.rules\.\*\.report\.dead_band)\.[^.]+`)

// pattern is the path of an argument with "*" for the keys of maps.
func pattern(steps []string) string {
	return deadBands.ReplaceAllString(keyed.ReplaceAllString(strings.Join(steps, "."), "$1.*"), "$1.*")
}

// predictions are what a plan predicts of a description: the parts, and each computed attribute.
func predictions(t *testing.T, s Spec) map[string]any {
	t.Helper()
	all := map[string]any{"parts": planned(build(t, s))}
	outputs, err := json.Marshal(OutputsOf(s, testEnv(), nil))
	if err != nil {
		t.Fatal(err)
	}
	var computed map[string]any
	if err := json.Unmarshal(outputs, &computed); err != nil {
		t.Fatal(err)
	}
	naming, ok := computed["naming"].(map[string]any)
	if !ok {
		t.Fatal("there is no naming")
	}
	delete(computed, "naming")
	maps.Copy(all, computed)
	for name, value := range naming {
		all["naming."+name] = value
	}
	return all
}

func planned(parts []assembly.Part) []string {
	list := make([]string, 0, len(parts))
	for _, p := range parts {
		list = append(list, fmt.Sprint(p.Key, " ", p.Kind, " ", p.Name, " ", p.ARN, " ", p.Needs))
	}
	return list
}

// variant is a description in which the value of one argument differs.
type variant struct {
	steps []string
	spec  Spec
}

// variants changes and removes each argument of a description in turn, except name and region, without which nothing is
// planned.
func variants(t *testing.T, of Spec) []variant {
	t.Helper()
	text, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	var all []variant
	vary(tree, nil, func(steps []string) {
		if steps[0] == "name" || steps[0] == "region" {
			return
		}
		text, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		v := variant{steps: slices.Clone(steps)}
		if err := json.Unmarshal(text, &v.spec); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	})
	return all
}

// vary calls record after each change of a member of tree, and takes the change back.
func vary(tree any, steps []string, record func([]string)) {
	object, ok := tree.(map[string]any)
	if !ok {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		at, old := append(steps, key), object[key]
		vary(old, at, record)
		for _, other := range others(old) {
			object[key] = other
			record(at)
		}
		delete(object, key)
		if _, required := old.(string); !required {
			record(at)
		}
		object[key] = old
	}
}

// others are values that a plan may find in place of one.
func others(value any) []any {
	switch value := value.(type) {
	case string:
		return []any{value + "-other", "other"}
	case float64:
		return []any{value + 1}
	case bool:
		return []any{!value}
	case []any:
		return []any{[]any{}}
	case map[string]any:
		return []any{map[string]any{}}
	}
	return nil
}
