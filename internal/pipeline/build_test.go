package pipeline

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func testEnv() Env {
	return Env{
		AccountID: "123456789012", Region: "eu-west-1", Partition: "aws", Owner: "owner-token",
		Tags:         map[string]string{"team": "greens"},
		MQTTEndpoint: "abc-ats.iot.eu-west-1.amazonaws.com",
		DataEndpoint: "abc-ats.iot.eu-west-1.amazonaws.com",
		Code: func(architecture string) (string, func() ([]byte, error), error) {
			return "sum-of-functions-" + architecture, func() ([]byte, error) { return []byte(architecture), nil }, nil
		},
		Package: func(_, path string) (string, func() ([]byte, error), error) {
			return "sum-of-" + path, func() ([]byte, error) { return []byte(path), nil }, nil
		},
		Artifact: func(architecture, path string) ([]byte, func() ([]byte, error), error) {
			sum := sha256.Sum256([]byte(architecture + path))
			return sum[:], func() ([]byte, error) { return []byte(path), nil }, nil
		},
		Descriptor: func(path, message string) (string, error) { return message + "-of-" + path, nil },
	}
}

// testSpec reads a description as Terraform would give it.
func testSpec(t *testing.T, name string) Spec {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".spec.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s Spec
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		t.Fatalf("reading %s: %v", name, err)
	}
	return s
}

func build(t *testing.T, s Spec) []assembly.Part {
	t.Helper()
	parts, err := Build(s, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

// records is what AWS would have made of parts.
func records(parts []assembly.Part) []assembly.Record {
	var list []assembly.Record
	for _, p := range parts {
		r := assembly.Record{Key: p.Key, Kind: p.Kind, Name: p.Name, ID: p.Name, ARN: p.ARN, Status: assembly.Ready}
		if p.Kind == spec.KindQueue {
			r.Outputs = map[string]string{"url": "https://sqs.eu-west-1.amazonaws.com/123456789012/" + p.Name}
		}
		if p.Kind == spec.KindHTTPAPI {
			r.ID = "abc123"
			r.Outputs = map[string]string{"endpoint": "https://abc123.execute-api.eu-west-1.amazonaws.com"}
		}
		if p.Kind == spec.KindInfluxDBInstance {
			r.Outputs = map[string]string{"url": instanceURL, "secret_arn": exampleSecret}
		}
		list = append(list, r)
	}
	return list
}

// instanceURL is where AWS would have put the InfluxDB instance; exampleSecret is its secret.
const instanceURL = "https://abc0123456.timestream-influxdb.eu-west-1.on.aws:8086"

func upstream(parts []assembly.Part, needs []string) assembly.Upstream {
	up := assembly.Upstream{}
	for _, r := range records(parts) {
		if slices.Contains(needs, r.Key) {
			up[r.Key] = r
		}
	}
	return up
}

// resolve gives what each part wants, by key, with no more upstream than it asked for.
func resolve(t *testing.T, parts []assembly.Part) map[string]any {
	t.Helper()
	wants := map[string]any{}
	for _, p := range parts {
		want, err := p.Want(upstream(parts, p.Needs))
		if err != nil {
			t.Fatalf("resolving part %s: %v", p.Key, err)
		}
		wants[p.Key] = plain(want)
	}
	return wants
}

func golden(t *testing.T, name string, got any) {
	t.Helper()
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	file := filepath.Join("testdata", name+".golden.json")
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update when it should:\n%s", file, diff)
	}
}

var pipelines = []string{"minimal", "greenhouse", "full", "queue", "drain"}

func TestBuildGolden(t *testing.T) {
	type part struct {
		Key, Kind, Name, ARN string
		Needs                []string
		Want                 any
	}
	for _, name := range pipelines {
		t.Run(name, func(t *testing.T) {
			parts := build(t, testSpec(t, name))
			wants := resolve(t, parts)
			var list []part
			for _, p := range parts {
				list = append(list, part{p.Key, p.Kind, p.Name, p.ARN, p.Needs, readable(t, wants[p.Key])})
			}
			// the engine orders by Needs
			slices.SortFunc(list, func(a, b part) int { return strings.Compare(a.Key, b.Key) })
			golden(t, name, list)
		})
	}
}

// readable opens the JSON documents inside a spec, so that a change of a policy shows as one, and leaves out what is
// not set.
func readable(t *testing.T, want any) any {
	t.Helper()
	switch w := want.(type) {
	case spec.Function: // its code is a func, which has no JSON form
		want = struct {
			spec.Function
			Code any `json:",omitempty"`
		}{Function: w}
	case spec.Parameter: // packed bytes depend on the compressor's version
		manifest, err := ParseManifest([]byte(w.Value))
		if err != nil {
			t.Fatal(err)
		}
		want = struct {
			spec.Parameter
			Value Manifest
		}{w, manifest}
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return open(v)
}

func open(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = open(x)
		}
		maps.DeleteFunc(v, func(_ string, x any) bool { return x == nil || x == "" || x == false })
	case []any:
		for i, x := range v {
			v[i] = open(x)
		}
	case string:
		var inner any
		if strings.HasPrefix(v, "{") && json.Unmarshal([]byte(v), &inner) == nil {
			return inner
		}
	}
	return v
}

// What each driver works on; the engine refuses anything else.
var specTypes = map[string]any{
	spec.KindParameter: spec.Parameter{}, spec.KindThingGroup: spec.ThingGroup{}, spec.KindThingType: spec.ThingType{},
	spec.KindIoTPolicy: spec.IoTPolicy{}, spec.KindFleet: spec.Fleet{}, spec.KindTopicRule: spec.TopicRule{},
	spec.KindStream: spec.Stream{}, spec.KindTimestreamDatabase: spec.TimestreamDatabase{},
	spec.KindInfluxDBInstance: spec.InfluxDBInstance{},
	spec.KindTimestreamTable:  spec.TimestreamTable{}, spec.KindTable: spec.Table{},
	spec.KindTableItem: spec.TableItem{},
	spec.KindBucket:    spec.Bucket{}, spec.KindTopic: spec.Topic{}, spec.KindSubscription: spec.Subscription{},
	spec.KindQueue: spec.Queue{}, spec.KindRole: spec.Role{}, spec.KindLogGroup: spec.LogGroup{},
	spec.KindFunction: spec.Function{}, spec.KindEventSource: spec.EventSource{},
	spec.KindTemplate:         spec.ProvisioningTemplate{},
	spec.KindClaimCertificate: spec.ClaimCertificate{}, spec.KindCACertificate: spec.CACertificate{},
	spec.KindLogStream: spec.LogStream{}, spec.KindDeliveryStream: spec.DeliveryStream{},
	spec.KindGlueDatabase: spec.GlueDatabase{}, spec.KindGlueTable: spec.GlueTable{},
	spec.KindWorkgroup: spec.Workgroup{}, spec.KindNamedQuery: spec.NamedQuery{},
	spec.KindMetricAlarm: spec.MetricAlarm{},
	spec.KindDashboard:   spec.Dashboard{},
	spec.KindHTTPAPI:     spec.HTTPAPI{}, spec.KindHTTPAPIRoutes: spec.HTTPAPIRoutes{},
	spec.KindHTTPAPIStage:  spec.HTTPAPIStage{},
	spec.KindScheduleGroup: spec.ScheduleGroup{}, spec.KindSchedule: spec.Schedule{},
	spec.KindRoleAlias: spec.RoleAlias{}, spec.KindGroupMembers: spec.GroupMembers{},
	spec.KindComponent: spec.Component{}, spec.KindDeployment: spec.Deployment{},
}

func TestWantHasTypeOfKind(t *testing.T) {
	for _, name := range pipelines {
		parts := build(t, testSpec(t, name))
		for key, want := range resolve(t, parts) {
			i := slices.IndexFunc(parts, func(p assembly.Part) bool { return p.Key == key })
			if got, expected := typeName(want), typeName(specTypes[parts[i].Kind]); got != expected {
				t.Errorf("%s: part %s of kind %s wants a %s, not a %s", name, key, parts[i].Kind, got, expected)
			}
		}
	}
}

func TestFullPipelineHasEveryKind(t *testing.T) {
	var have []string
	for _, p := range build(t, testSpec(t, "full")) {
		have = append(have, p.Kind)
	}
	for kind := range specTypes {
		if !slices.Contains(have, kind) {
			t.Errorf("no part of kind %s", kind)
		}
	}
}

// TestNeeds: needs come before, so there is no cycle; all exist; the manifest is first and needed by all.
func TestNeeds(t *testing.T) {
	for _, name := range pipelines {
		parts := build(t, testSpec(t, name))
		if parts[0].Key != KeyManifest || len(parts[0].Needs) > 0 {
			t.Fatalf("%s: the first part is %s with needs %v", name, parts[0].Key, parts[0].Needs)
		}
		needs := map[string][]string{}
		for _, p := range parts {
			if _, twice := needs[p.Key]; twice {
				t.Errorf("%s: two parts have the key %s", name, p.Key)
			}
			if !slices.IsSorted(p.Needs) {
				t.Errorf("%s: needs of %s are not sorted: %v", name, p.Key, p.Needs)
			}
			needs[p.Key] = p.Needs
		}
		var reaches func(key string, path []string) bool
		reaches = func(key string, path []string) bool {
			if slices.Contains(path, key) {
				t.Fatalf("%s: cycle of needs %v", name, append(path, key))
			}
			found := key == KeyManifest
			for _, n := range needs[key] {
				if _, exists := needs[n]; !exists {
					t.Errorf("%s: %s needs %s, which does not exist", name, key, n)
				}
				found = reaches(n, append(slices.Clone(path), key)) || found
			}
			return found
		}
		for key := range needs {
			if !reaches(key, nil) {
				t.Errorf("%s: %s does not need the manifest", name, key)
			}
		}
	}
}

func TestBuildDoesNotChangeItsArguments(t *testing.T) {
	config := testSpec(t, "full")
	before := encode(config)
	build(t, config)
	if after := encode(config); after != before {
		t.Errorf("the description changed:\n%s", cmp.Diff(before, after))
	}
}

func TestBuildIsDeterministic(t *testing.T) {
	config := testSpec(t, "full")
	first, second := build(t, config), build(t, config)
	if diff := cmp.Diff(resolve(t, first), resolve(t, second)); diff != "" {
		t.Errorf("two builds differ:\n%s", diff)
	}
	if changed := Changed(first, second, records(first)); len(changed) > 0 {
		t.Errorf("two builds of one description differ in %v", changed)
	}
}

func TestBuildReportsMissingCode(t *testing.T) {
	env := testEnv()
	cause := errors.New("no zip: run make build")
	env.Code = func(string) (string, func() ([]byte, error), error) { return "", nil, cause }
	_, err := Build(Spec{Name: "min"}, env)
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), `building pipeline "min"`) {
		t.Errorf("got %v", err)
	}
}

func TestWantWithoutQueueURL(t *testing.T) {
	for _, p := range build(t, Spec{Name: "min"}) {
		_, err := p.Want(assembly.Upstream{})
		if needsURL := slices.Contains(p.Needs, "dead_letters"); needsURL != (err != nil) {
			t.Errorf("%s: needs the queue: %v; error without its record: %v", p.Key, needsURL, err)
		}
	}
}

func typeName(v any) string { return reflect.TypeOf(v).String() }
