package operate

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
)

// populate makes the pipeline's things and rules.
func (f *farm) populate() {
	f.t.Helper()
	for _, name := range []string{"a", "b", "c"} {
		must(f.IoT().CreateThing(f.t.Context(), &iot.CreateThingInput{ThingName: &name,
			AttributePayload: &iottypes.AttributePayload{
				Attributes: map[string]string{contract.OwnerAttribute: f.ID}}}))(f.t)
	}
	for _, rule := range []string{"farm_alerts", "farm_status", "farm_telemetry"} {
		must(f.IoT().CreateTopicRule(f.t.Context(), &iot.CreateTopicRuleInput{RuleName: &rule,
			Tags: aws.String(url.QueryEscape(spec.OwnerTag) + "=" + f.ID),
			TopicRulePayload: &iottypes.TopicRulePayload{Sql: aws.String("SELECT * FROM 'a'"),
				Actions: []iottypes.Action{}}}))(f.t)
	}
	f.proxy.Clear()
}

// off are the rules that are off.
func (f *farm) off() (off []string) {
	f.t.Helper()
	for _, key := range []string{"alerts", "status", "telemetry"} {
		rule := must(f.IoT().GetTopicRule(f.t.Context(), &iot.GetTopicRuleInput{RuleName: aws.String("farm_" + key)}))(f.t)
		if aws.ToBool(rule.Rule.RuleDisabled) {
			off = append(off, key)
		}
	}
	return off
}

// Whatever request fails, before or after its effect, the error says so, the other rules are switched, and the next call
// completes it.
func TestRulesSurviveEveryFault(t *testing.T) {
	for _, kind := range []faultproxy.Kind{faultproxy.AccessDenied, faultproxy.DropAfter} {
		t.Run(kind.String(), func(t *testing.T) {
			f := newFarm(t, false)
			f.populate()
			for _, on := range []bool{false, true} {
				for n, met := 1, true; met; n++ {
					if err := SetRules(t.Context(), f.Pipeline, nil, !on, func(string) {}); err != nil {
						t.Fatal(err)
					}
					f.proxy.Clear()
					fault := f.proxy.Inject(faultproxy.Fault{Kind: kind, Match: faultproxy.Nth(n), Times: 1})
					err := SetRules(t.Context(), f.Pipeline, nil, on, func(string) {})
					request := f.proxy.Requests()[min(n, len(f.proxy.Requests()))-1]
					met = f.proxy.Hits(fault) > 0
					f.proxy.Clear()
					// net/http itself repeats a GET whose connection ended.
					if met && err == nil && (request.Write || kind != faultproxy.DropAfter) {
						t.Errorf("on %v: %s failed without an error", on, request.Name)
					}
					if left := len(f.off()); on && left > 1 || !on && left < 2 {
						t.Errorf("on %v: after %s failed, %v are off", on, request.Name, f.off())
					}
					if err := SetRules(t.Context(), f.Pipeline, nil, on, func(string) {}); err != nil {
						t.Errorf("on %v: after %s failed: %v", on, request.Name, err)
					}
					if on != (len(f.off()) == 0) || !on != (len(f.off()) == 3) {
						t.Errorf("on %v: %v are off at last", on, f.off())
					}
				}
			}
		})
	}
}

// Whatever request of a command fails, before or after its effect: either nothing was sent and the error says so, or
// every other device has it, and the error names the one that perhaps has not.
func TestCommandsSurviveEveryFault(t *testing.T) {
	for _, kind := range []faultproxy.Kind{faultproxy.AccessDenied, faultproxy.DropAfter} {
		t.Run(kind.String(), func(t *testing.T) {
			f := newFarm(t, false)
			f.populate()
			for n, met := 1, true; met; n++ {
				before := len(f.Published(t))
				f.proxy.Clear()
				fault := f.proxy.Inject(faultproxy.Fault{Kind: kind, Match: faultproxy.Nth(n), Times: 1})
				sent, err := Send(t.Context(), f.Pipeline, Command{Payload: "x", All: true}, func(string) {})
				requests := f.proxy.Requests()
				met = f.proxy.Hits(fault) > 0
				f.proxy.Clear()
				var got []string
				for _, m := range f.Published(t)[before:] {
					got = append(got, m.Topic)
				}
				slices.Sort(got)
				publishing := met && strings.Contains(requests[n-1].Name, "/topics/")
				switch {
				case !met && (err != nil || sent != 3 || fmt.Sprint(got) !=
					"[farm/a/commands farm/b/commands farm/c/commands]"):
					t.Errorf("sent %d, published %v, error %v", sent, got, err)
				case publishing && (err == nil || sent != 2 || len(got) != map[faultproxy.Kind]int{
					faultproxy.AccessDenied: 2, faultproxy.DropAfter: 3}[kind] || !strings.Contains(err.Error(), `device "`)):
					t.Errorf("after %s failed: sent %d, published %v, error %v", requests[n-1].Name, sent, got, err)
				case met && !publishing && err != nil && (sent != 0 || len(got) > 0):
					t.Errorf("after %s failed: sent %d, published %v, error %v", requests[n-1].Name, sent, got, err)
				case met && err == nil && kind == faultproxy.AccessDenied:
					t.Errorf("%s failed without an error", requests[n-1].Name)
				}
			}
		})
	}
}

// A device behind a gateway gets its commands from there, described or not.
func TestCommandsForDevicesBehindGateways(t *testing.T) {
	f := newFarm(t, false)
	f.populate()
	thing := func(name, owner string) {
		must(f.IoT().CreateThing(t.Context(), &iot.CreateThingInput{ThingName: &name,
			AttributePayload: &iottypes.AttributePayload{Attributes: map[string]string{contract.OwnerAttribute: owner}}}))(t)
	}
	thing("a:described", f.ID)
	thing("theirs", "another")
	f.Parts[contract.KeyChildrenRule] = contract.ManifestPart{Name: "farm_children"}
	for _, c := range []struct{ why, device, topic, says string }{
		{"described", "a:described", "farm/a/children/a:described/commands", ""},
		{"only its gateway knows it", "a:valve", "farm/a/children/a:valve/commands", ""},
		{"the gateway itself", "a", "farm/a/commands", ""},
		{"a gateway that there is not", "gw:valve", "", `has no device "gw:valve", and no gateway "gw" that it could be behind`},
		{"another pipeline's gateway", "theirs:valve", "", `and no gateway "theirs"`},
		{"no child's name", "a:b:c", "", `has no device "a:b:c". Nothing was sent`},
	} {
		before := len(f.Published(t))
		_, err := Send(t.Context(), f.Pipeline, Command{Payload: "x", Devices: []string{c.device}}, func(string) {})
		got := f.Published(t)[before:]
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) || len(got) > 0 {
				t.Errorf("%s: error %v, published %+v; want %q", c.why, err, got, c.says)
			}
		} else if err != nil || len(got) != 1 || got[0].Topic != c.topic {
			t.Errorf("%s: error %v, published %+v; want one on %s", c.why, err, got, c.topic)
		}
	}
	f.proxy.Inject(faultproxy.Fault{Kind: faultproxy.AccessDenied, Match: faultproxy.Nth(len(f.proxy.Requests()) + 2), Times: 1})
	_, err := Send(t.Context(), f.Pipeline, Command{Payload: "x", Devices: []string{"a:valve"}}, func(string) {})
	if err == nil || !strings.Contains(err.Error(), `looking for device "a"`) {
		t.Errorf("the gateway could not be looked for: %v", err)
	}
	delete(f.Parts, contract.KeyChildrenRule)
	if _, err := Send(t.Context(), f.Pipeline, Command{Payload: "x", Devices: []string{"a:valve"}},
		func(string) {}); err == nil || !strings.Contains(err.Error(), `has no device "a:valve". Nothing`) {
		t.Errorf("a pipeline without gateways: %v", err)
	}
}
