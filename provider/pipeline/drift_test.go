package pipeline_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
)

// recorded takes over what the state knows of the pipeline, for changes by hand.
type recorded struct {
	owner       string
	parts       map[string]assembly.Record
	certificate map[string]string // by device
}

func (r *recorded) take(s *terraform.State) error {
	attributes := s.RootModule().Resources[address].Primary.Attributes
	r.owner, r.parts, r.certificate = attributes["id"], map[string]assembly.Record{}, map[string]string{}
	part := regexp.MustCompile(`^parts\.(.+)\.kind$`)
	device := regexp.MustCompile(`^identities\.(.+)\.certificate_id$`)
	for name, value := range attributes {
		if m := part.FindStringSubmatch(name); m != nil {
			prefix := "parts." + m[1] + "."
			r.parts[m[1]] = assembly.Record{
				Key:     m[1],
				Kind:    value,
				Name:    attributes[prefix+"name"],
				ID:      attributes[prefix+"id"],
				ARN:     attributes[prefix+"arn"],
				Needs:   list(attributes, prefix+"needs"),
				Status:  assembly.Ready,
				Outputs: map[string]string{"url": attributes[prefix+"outputs.url"]},
			}
		}
		if m := device.FindStringSubmatch(name); m != nil {
			r.certificate[m[1]] = value
		}
	}
	if len(r.parts) == 0 {
		return fmt.Errorf("the state holds no parts")
	}
	return nil
}

// list gives an attribute that is a list, from what Terraform's test framework has made of the state.
func list(attributes map[string]string, name string) []string {
	var all []string
	for i := 0; attributes[name+"."+strconv.Itoa(i)] != ""; i++ {
		all = append(all, attributes[name+"."+strconv.Itoa(i)])
	}
	return all
}

// repaired is a step that plans an update, and after which everything is as it was.
func repaired(w *localAWS, config string, before func()) resource.TestStep {
	return resource.TestStep{
		PreConfig: before, Config: config,
		ConfigPlanChecks: resource.ConfigPlanChecks{
			PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)},
		},
	}
}

// An important field of each part is changed by hand: the refresh names the drift, the plan repairs it.
func TestDriftOfFields(t *testing.T) {
	w := newLocalAWS(t)
	config := w.config(block(everything(t)))
	state := &recorded{}
	tamper := func() {
		for _, change := range awstest.Tamperings {
			change.Do(t, w.Account, state.parts[change.Part])
		}
		w.ChangeThing(t, "soil-001", map[string]string{"bay": "9"})
		w.ChangeThing(t, "gw-1:soil-3", map[string]string{"bay": "7"})
		w.ChangeThing(t, "gw-1", map[string]string{contract.GatewayAttribute: "no"})
		w.ChangeThing(t, "gw-2", map[string]string{contract.GatewayAttribute: contract.GatewayByShadow})
		w.Deactivate(t, state.certificate["soil-002"])
	}
	checks := []resource.TestCheckFunc{
		resource.TestCheckResourceAttr(address, "devices.soil-001.attributes.bay", "9"),
		resource.TestCheckResourceAttr(address, "devices.soil-002.enabled", "false"),
		resource.TestCheckResourceAttr(address, "devices.gw-1:soil-3.attributes.bay", "7"),
		resource.TestCheckNoResourceAttr(address, "devices.gw-1.gateway"),
		resource.TestMatchResourceAttr(address, "parts.fleet.status", regexp.MustCompile(`gw-2"\].settings`)),
	}
	for _, change := range awstest.Tamperings {
		checks = append(
			checks,
			resource.TestMatchResourceAttr(address, "parts."+change.Part+".status", regexp.MustCompile(`^drifted: \w`)),
		)
	}
	w.run(
		resource.TestStep{Config: config, Check: state.take},
		resource.TestStep{
			PreConfig:          tamper,
			RefreshState:       true,
			ExpectNonEmptyPlan: true,
			Check:              resource.ComposeAggregateTestCheckFunc(checks...),
		},
		repaired(w, config, nil),
	)
}

// Parts disappear, layer by layer; each time the plan makes them again and nothing else changes its name.
func TestDisappearance(t *testing.T) {
	w := newLocalAWS(t)
	config := w.config(block(everything(t)))
	state := &recorded{}
	steps := []resource.TestStep{{Config: config, Check: state.take}}
	var objects []string
	for _, layer := range [][]string{
		{"rule/telemetry", "rule/copy", "rule/children", "fleet", "subscription/", "alert_rules", "log_group/alerts",
			"schedule/watch", "silence", "alarm/", "api/routes", "api/access_logs", "dashboard",
			"provisioning/claim", "provisioning/ca", "archive/query/", "archive/view", "archive/delivery"},
		{"provisioning/template", "provisioning/jitp_template", "provisioning/ca", "provisioning/allow_list",
			"policy/claim", "policy/gateway", "function/provisioning", "role/registration", "event_source", "function/processor",
			"role/rules", "policy", "alert_topic", "timestream/table", "influxdb/instance", "schedules",
			"role/schedules", "function/watch", "api/gateway"},
		{"function/archiver", "role/archive", "archive/table", "archive/log_stream", "metrics/export",
			"role/export"},
		{"archive/workgroup", "archive/database", "archive/log_group", "log_group/archiver", "role/archiver"},
		{"stream", "device_table", "recent/table", "metrics/", "api/commands", "dead_letters", "bucket", "thing_group"},
		{"manifest", "timestream/", "role/processor"},
	} {
		steps = append(steps, resource.TestStep{
			PreConfig: func() {
				objects = stable(w.Objects(t))
				w.Remove(t, state.owner, state.under(t, layer)...)
			},
			Config: config,
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)}},
			Check: resource.ComposeAggregateTestCheckFunc(state.take, func(*terraform.State) error {
				if now := stable(w.Objects(t)); !slices.Equal(now, objects) {
					return fmt.Errorf("after the loss of %v there are\n%s\nand there were\n%s", layer,
						strings.Join(now, "\n"), strings.Join(objects, "\n"))
				}
				return nil
			}),
		})
	}
	w.run(steps...)
}

// under gives the records whose keys begin with one of the prefixes.
func (r *recorded) under(t *testing.T, prefixes []string) []assembly.Record {
	t.Helper()
	var list []assembly.Record
	for _, prefix := range prefixes {
		n := len(list)
		for _, key := range slices.Sorted(maps.Keys(r.parts)) {
			if key == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(key, prefix) {
				list = append(list, r.parts[key])
			}
		}
		if len(list) == n {
			t.Fatalf("the pipeline has no part %q", prefix)
		}
	}
	return list
}

// stable leaves out the names that AWS makes up.
func stable(objects []string) []string {
	list := slices.Clone(objects)
	for i, object := range list {
		for _, kind := range []string{"certificate", "event source mapping", "secret READONLY-InfluxDB"} {
			if strings.HasPrefix(object, kind) {
				list[i] = kind
			}
		}
	}
	return list
}

// The last copy of a generated key is lost, or the certificate itself: the plan says that the device gets another
// one, and no other device does.
func TestLostCredentials(t *testing.T) {
	w := newLocalAWS(t)
	config := w.config(pipeline(`
  name    = "greenhouse"
  devices = { "soil-001" = {}, "soil-002" = {} }`))
	state, after := &recorded{}, &recorded{}
	replaced := func(lost, other string, damage func()) resource.TestStep {
		step := repaired(w, config, damage)
		step.ConfigPlanChecks.PreApply = append(step.ConfigPlanChecks.PreApply,
			plancheck.ExpectUnknownValue(address, at("identities", lost, "certificate_id")),
			plancheck.ExpectKnownValue(address, at("identities", other, "certificate_id"), knownvalue.NotNull()))
		step.Check = func(s *terraform.State) error {
			if err := after.take(s); err != nil {
				return err
			}
			if after.certificate[lost] == state.certificate[lost] ||
				after.certificate[other] != state.certificate[other] {
				return fmt.Errorf("certificates %v became %v", state.certificate, after.certificate)
			}
			var bundle struct {
				ID  string `json:"certificate_id"`
				Key string `json:"private_key"`
			}
			if err := json.Unmarshal([]byte(w.Parameter(t, "/iot-pipeline/greenhouse/devices/"+lost)),
				&bundle); err != nil {
				return err
			}
			if bundle.ID != after.certificate[lost] || bundle.Key == "" {
				return fmt.Errorf("the bundle of %s is for certificate %s", lost, bundle.ID)
			}
			return state.take(s)
		}
		return step
	}
	w.run(resource.TestStep{Config: config, Check: state.take},
		replaced("soil-001", "soil-002", func() { w.RemoveParameter(t, "/iot-pipeline/greenhouse/devices/soil-001") }),
		replaced("soil-002", "soil-001", func() { w.RemoveCertificate(t, "soil-002", state.certificate["soil-002"]) }))
}

// A pipeline that somebody deleted altogether is planned again.
func TestEverythingIsGone(t *testing.T) {
	w := newLocalAWS(t)
	config := w.config(pipeline(minimal))
	state := &recorded{}
	w.run(resource.TestStep{Config: config, Check: state.take}, resource.TestStep{
		PreConfig: w.emptied(), Config: config,
		ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
			plancheck.ExpectResourceAction(address, plancheck.ResourceActionCreate)}},
	})
}

// emptied empties the account.
func (w *localAWS) emptied() func() { return func() { w.Server.Reset(w.t) } }
