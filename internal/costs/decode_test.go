package costs

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/argument"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

func TestDecode(t *testing.T) {
	for text, change := range map[string]func(*Setup){
		`{}`:                                func(*Setup) {},
		`{"devices":3,"alerts":null}`:       func(s *Setup) { s.Devices = 3 },
		`{"stream":{"mode":"provisioned"}}`: func(s *Setup) { s.Stream.Mode = "provisioned" },
		`{"archive":{"enabled":false}}`:     func(s *Setup) { s.Archive.Enabled = false },
		`{"timestream":{}}`:                 func(s *Setup) { s.Timestream = &Timestream{"multi", 24} },
		`{"recent":{}}`:                     func(s *Setup) { s.Recent = &Recent{48} },
		`{"recent":{"hours":2}}`:            func(s *Setup) { s.Recent = &Recent{2} },
		`{"metrics":{}}`:                    func(s *Setup) { s.Metrics = &Metrics{60, 30, true} },
		`{"metrics":{"export":false}}`:      func(s *Setup) { s.Metrics = &Metrics{60, 30, false} },
		`{"influxdb":{}}`:                   func(s *Setup) { s.InfluxDB = &InfluxDB{} },
		`{"influxdb":{"instance":{}}}`:      func(s *Setup) { s.InfluxDB = &InfluxDB{&Instance{"db.influx.medium"}} },
		`{"alerts":{"share":0.5}}`:          func(s *Setup) { s.Alerts = &Alerts{Evaluate: "rule", Share: 0.5} },
		`{"edge":{"gateways":20}}`:          func(s *Setup) { s.Edge = &Edge{Gateways: 20, StatusSeconds: 300} },
		`{"edge":{"greengrass":{}}}`: func(s *Setup) {
			s.Edge = &Edge{Gateways: 1, StatusSeconds: 300, Greengrass: &Greengrass{}}
		},
		`{"queries":{"days":7}}`:  func(s *Setup) { s.Queries = &Queries{1, 7} },
		`{"prices":{"s3_put":6}}`: func(s *Setup) { s.Prices = map[string]float64{"s3_put": 6} },
	} {
		want := Default()
		change(&want)
		got, err := Decode([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", text, diff)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for text, want := range map[string][2]string{
		`{"device":3}`:                      {"device", `did you mean "devices"?`},
		`{"archive":{"formats":"x"}}`:       {"archive.formats", `did you mean "format"?`},
		`{"influxdb":{"instance":{"x":1}}}`: {"influxdb.instance.x", "there are type"},
		`{"xyzzy":1}`:                       {"xyzzy", "there is no such member; there are devices, interval_seconds"},
		`{"devices":"3"}`:                   {"devices", "must be a number, not a string"},
		`{"connected":1}`:                   {"connected", "must be true or false, not a number"},
		`{"stream":[]}`:                     {"stream", "must be an object, not a list"},
		`{"stream":{"mode":{}}}`:            {"stream.mode", "must be a string, not an object"},
		`{"prices":{"s3_put":true}}`:        {"prices.s3_put", "must be a number"},
		`[1]`:                               {"", "must be an object, such as"},
		`null`:                              {"", "not null"},
	} {
		_, err := Decode([]byte(text))
		var refused *argument.Error
		if !errors.As(err, &refused) || refused.Path != want[0] || !strings.Contains(refused.Detail, want[1]) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Members of a block that iot_pipeline has as well are arguments of it, except for those that say what happens in it.
func TestBlocksAreThoseOfThePipeline(t *testing.T) {
	own := map[string]bool{"alerts.share": true, "alerts.email_subscribers": true, "api.requests_per_day": true,
		"edge.gateways": true, "edge.status_seconds": true, "edge.commands_per_day": true}
	members := func(t reflect.Type) map[string]reflect.Type {
		found := map[string]reflect.Type{}
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() == reflect.Struct {
			for f := range t.Fields() {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				found[name] = f.Type
			}
		}
		return found
	}
	arguments, compared := members(reflect.TypeFor[pipeline.Spec]()), 0
	for block, of := range members(reflect.TypeFor[Setup]()) {
		known := map[string]reflect.Type{}
		if argument := arguments[block]; argument != nil {
			known = members(argument)
		}
		for member := range members(of) {
			if len(known) > 0 && !own[block+"."+member] {
				compared++
				if known[member] == nil {
					t.Errorf("%s.%s is not an argument of iot_pipeline", block, member)
				}
			}
		}
	}
	if compared < 7 {
		t.Errorf("only %d members were compared", compared)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(`{"devices":3,"timestream":{},"prices":{"s3_put":6}}`)
	f.Add(`{"influxdb":{"instance":{"type":"db.influx.large"}},"alerts":{"share":1},"queries":{}}`)
	f.Add(`{"devices":1e9,"interval_seconds":1e9,"stream":{"mode":"provisioned","shards":1}}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Decode([]byte(text))
		if err != nil {
			return
		}
		e, err := Of(s)
		if err != nil {
			return
		}
		for _, i := range e.Items {
			if !(i.Cost >= 0 && i.Quantity > 0) || math.IsInf(i.Cost, 0) {
				t.Errorf("%s: %+v", text, i)
			}
		}
	})
}
