package pipeline

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// TestPoliciesNameOnlyOwnObjects: every ARN of a policy document is of a part, or names something that the person
// wrote.
func TestPoliciesNameOnlyOwnObjects(t *testing.T) {
	for _, name := range pipelines {
		config := testSpec(t, name)
		words := wordsOf(t, config)
		parts := build(t, config)
		for key, want := range resolve(t, parts) {
			for _, document := range documentsOf(want) {
				var v any
				if err := json.Unmarshal([]byte(document), &v); err != nil {
					t.Fatalf("%s: policy of %s: %v", name, key, err)
				}
				for _, arn := range arnsIn(v) {
					if !ofPart(arn, parts) && !written(arn, words, *Defaults(config).TopicPrefix) &&
						!slices.Contains(ofRegistrations[key], arn) && !slices.Contains(ofAPI[key], arn) &&
						!slices.Contains(ofDelivery[key], arn) && !slices.Contains(ofAliases[key], arn) {
						t.Errorf("%s: part %s names %s, which is neither a part nor in the description", name, key, arn)
					}
				}
			}
		}
	}
}

// ofAPI is what the function of the device management API names: devices have any name, and AWS assigns the IDs of
// certificates. The function looks at the owner.
var ofAPI = map[string][]string{
	"role/api": {"arn:aws:iot:eu-west-1:123456789012:thing/*", "arn:aws:iot:eu-west-1:123456789012:cert/*"},
}

// ofDelivery is what Firehose's role names besides parts: AWS lets nobody read a table who may not read the catalog,
// and documents the trust of Firehose's roles with all streams of an account.
var ofDelivery = map[string][]string{
	"role/archive": {"arn:aws:firehose:eu-west-1:123456789012:*", "arn:aws:glue:eu-west-1:123456789012:catalog"},
	"role/export":  {"arn:aws:firehose:eu-west-1:123456789012:*"},
}

// ofAliases is what a route names that writes to IoT SiteWise by an alias: only AWS knows of which asset it is, or of a
// time series of its own.
var ofAliases = map[string][]string{
	"role/route/targets": {"arn:aws:iotsitewise:eu-west-1:123456789012:asset/*",
		"arn:aws:iotsitewise:eu-west-1:123456789012:time-series/*"},
}

// ofRegistrations is what the parts for devices that register themselves may name and that is not a part: things and
// certificates do not exist before a device registers.
var ofRegistrations = map[string][]string{
	"role/provisioning": {"arn:aws:iot:eu-west-1:123456789012:thing/north-*"},
	"role/registration": {"arn:aws:iot:eu-west-1:123456789012:*", "arn:aws:iot:eu-west-1:123456789012:cert/*",
		"arn:aws:iot:eu-west-1:123456789012:thing/*", "arn:aws:iot:eu-west-1:123456789012:thing/north-*"},
	"policy/claim": {
		"arn:aws:iot:eu-west-1:123456789012:client/claim:*",
		"arn:aws:iot:eu-west-1:123456789012:topic/$aws/certificates/create/*",
		"arn:aws:iot:eu-west-1:123456789012:topicfilter/$aws/certificates/create/*",
		"arn:aws:iot:eu-west-1:123456789012:topic/$aws/certificates/create-from-csr/*",
		"arn:aws:iot:eu-west-1:123456789012:topicfilter/$aws/certificates/create-from-csr/*",
		"arn:aws:iot:eu-west-1:123456789012:topic/$aws/provisioning-templates/north-field/provision/*",
		"arn:aws:iot:eu-west-1:123456789012:topicfilter/$aws/provisioning-templates/north-field/provision/*",
	},
}

func documentsOf(want any) []string {
	switch w := want.(type) {
	case spec.IoTPolicy:
		return []string{w.Document}
	case spec.Role:
		return []string{w.Trust, w.Inline[inlinePolicy]}
	case spec.Bucket:
		return []string{w.Policy}
	case spec.Topic:
		return []string{w.Policy}
	case spec.Queue:
		return []string{w.Policy}
	}
	return nil
}

// ofPart reports whether arn is of a part, of something inside one, or of the account that holds them all.
func ofPart(arn string, parts []assembly.Part) bool {
	return arn == "arn:aws:iam::123456789012:root" || slices.ContainsFunc(parts, func(p assembly.Part) bool {
		return p.ARN != "" && (arn == p.ARN || strings.HasPrefix(arn, p.ARN+"/") || strings.HasPrefix(arn, p.ARN+":"))
	})
}

// written reports whether a resource is a topic or client of the pipeline's devices, or holds a word of the
// description.
func written(arn string, words []string, prefix string) bool {
	fields := strings.SplitN(arn, ":", 6)
	resource := fields[5]
	if fields[2] == "iot" && (strings.Contains(resource, "/"+prefix+"/") || strings.Contains(resource, "/"+thisThing)) {
		return true
	}
	return slices.Contains(words, arn) ||
		slices.ContainsFunc(strings.FieldsFunc(resource, func(r rune) bool { return r == ':' || r == '/' }),
			func(part string) bool { return slices.Contains(words, part) })
}

// wordsOf are the strings of a description, and the last path elements of those that are URLs.
func wordsOf(t *testing.T, config Spec) []string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(encode(config)), &v); err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, s := range stringsIn(v) {
		words = append(words, s, s[strings.LastIndex(s, "/")+1:])
	}
	return slices.DeleteFunc(words, func(s string) bool { return s == "" })
}

func arnsIn(v any) []string {
	return slices.DeleteFunc(stringsIn(v), func(s string) bool { return !strings.HasPrefix(s, "arn:") })
}

func stringsIn(v any) []string {
	var list []string
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			list = append(list, stringsIn(v[k])...)
		}
	case []any:
		for _, x := range v {
			list = append(list, stringsIn(x)...)
		}
	case string:
		list = append(list, v)
	}
	return list
}
