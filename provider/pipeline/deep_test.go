package pipeline_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
)

// manyDevices are more than are looked at deeply without being told to.
func manyDevices() map[string]string {
	devices := map[string]string{}
	for n := range 25 {
		devices[fmt.Sprintf("soil-%03d", n)] = "{}"
	}
	return devices
}

// renewed checks that since the last look exactly these devices have got another certificate.
func (r *recorded) renewed(want ...string) resource.TestCheckFunc {
	return func(s *terraform.State) error {
		before := maps.Clone(r.certificate)
		if err := r.take(s); err != nil {
			return err
		}
		var got []string
		for name, id := range r.certificate {
			if before[name] != id {
				got = append(got, name)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			return fmt.Errorf("other certificates for %v, want %v", got, want)
		}
		return nil
	}
}

// swift is a configuration whose requests for devices wait for no quota.
func (w *localAWS) swift(blocks ...string) string {
	rates := "  request_rates = {\n"
	for _, operation := range []string{"iot:ListThingPrincipals", "iot:ListPrincipalThings",
		"iot:CreateCertificateFromCsr", "iot:UpdateCertificate", "iot:DeleteCertificate",
		"iot:ListTopicRules", "ssm:PutParameter"} {
		rates += fmt.Sprintf("    %q = 0\n", operation)
	}
	return w.provider(rates+"  }") + strings.Join(blocks, "\n")
}

const bundles = "/iot-pipeline/greenhouse/devices/"

// attached checks that each device's certificate is attached to it and that its bundle is for this certificate.
func (w *localAWS) attached(r *recorded, devices ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		for _, name := range devices {
			if got := w.Principals(w.t, name); len(got) != 1 ||
				!strings.HasSuffix(got[0], ":cert/"+r.certificate[name]) {
				return fmt.Errorf("%s has the principals %v, want certificate %s", name, got, r.certificate[name])
			}
			if bundle := w.Parameter(w.t, bundles+name); !strings.Contains(bundle, r.certificate[name]) {
				return fmt.Errorf("the bundle of %s is not for certificate %s", name, r.certificate[name])
			}
		}
		return nil
	}
}

// With many devices, what lists do not tell is found when deep_check says so: by the plan that says it first, and
// then by each refresh. Saying it, and taking it back, changes nothing but the manifest.
func TestDeepCheck(t *testing.T) {
	w := newLocalAWS(t)
	const store = "  credentials = { store = \"ssm\" }\n" // the bundles of a bucket are always listed
	plain := w.swift(pipeline(fleetOf(manyDevices()) + store))
	deep := w.swift(pipeline(fleetOf(manyDevices()) + store + "  deep_check = true\n"))
	state := &recorded{}
	damage := func(detached, lost string) func() {
		return func() {
			w.Detach(t, detached, state.certificate[detached])
			w.RemoveParameter(t, bundles+lost)
			w.mark()
		}
	}
	updated := func(more ...plancheck.PlanCheck) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{
			PreApply: append(more, plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)),
		}
	}
	w.run(
		resource.TestStep{Config: plain, Check: state.take},
		resource.TestStep{PreConfig: w.mark, Config: deep, ConfigPlanChecks: updated(), Check: w.wrote(manifest)},
		resource.TestStep{PreConfig: w.mark, Config: plain, ConfigPlanChecks: updated(), Check: w.wrote(manifest)},
		resource.TestStep{PreConfig: damage("soil-003", "soil-007"), Config: plain, PlanOnly: true}, // nothing is seen
		resource.TestStep{
			Config: deep,
			ConfigPlanChecks: updated(
				plancheck.ExpectUnknownValue(address, at("identities", "soil-007", "certificate_id")),
				plancheck.ExpectKnownValue(address, at("identities", "soil-003", "certificate_id"),
					knownvalue.NotNull()),
			),
			Check: resource.ComposeTestCheckFunc(state.renewed("soil-007"), w.attached(state, "soil-003", "soil-007"),
				w.counted(map[string]int{"iot:CreateCertificateFromCsr": 1}, "iot:AttachThingPrincipal",
					"iot:UpdateCertificate", "iot:UpdateThing", "iot:DetachThingPrincipal")),
		},
		resource.TestStep{
			PreConfig: damage("soil-011", "soil-012"), RefreshState: true, ExpectNonEmptyPlan: true,
			Check: resource.TestMatchResourceAttr(
				address,
				"parts.fleet.status",
				regexp.MustCompile(
					`^drifted: devices\["soil-011"\]\.certificate, devices\["soil-012"\]\.credentials$`,
				),
			),
		},
		resource.TestStep{
			Config:           deep,
			ConfigPlanChecks: updated(),
			Check:            resource.ComposeTestCheckFunc(state.renewed("soil-012"), w.attached(state, "soil-011", "soil-012")),
		},
		resource.TestStep{ // one device more: its own requests, and no second look at the others
			PreConfig: w.mark, Config: w.swift(pipeline(fleetOf(map[string]string{"soil-100": "{}"}, manyDevices()) +
				"  deep_check = true\n")),
			Check: resource.ComposeTestCheckFunc(
				w.counted(map[string]int{"iot:CreateThing": 1, "iot:CreateCertificateFromCsr": 1}),
			),
		},
		resource.TestStep{
			ResourceName:      address,
			ImportState:       true,
			ImportStateId:     "greenhouse",
			ImportStateVerify: true,
		},
	)
}

// The devices of a file are counted among the changed ones, and named.
func TestDeepCheckOfAFile(t *testing.T) {
	w := newLocalAWS(t)
	file := newFleetFile(t)
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(manyDevices())) {
		lines = append(lines, name+",,1")
	}
	const store = "  credentials = { store = \"ssm\" }\n"
	plain, deep := w.swift(file.block(store)), w.swift(file.block(store+"  deep_check = true\n"))
	w.run(
		resource.TestStep{PreConfig: file.with(t, lines...), Config: plain},
		resource.TestStep{
			PreConfig: func() {
				for _, principal := range w.Principals(t, "soil-003") {
					_, id, _ := strings.Cut(principal, ":cert/")
					w.Detach(t, "soil-003", id)
				}
				w.RemoveParameter(t, bundles+"soil-007")
			},
			Config: plain, PlanOnly: true,
		},
		resource.TestStep{
			PreConfig: w.mark, Config: deep,
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: plans(nil, []string{"soil-003", "soil-007"}, nil)},
			Check: resource.ComposeTestCheckFunc(
				file.reports("changed,soil-003", "changed,soil-007"),
				func(*terraform.State) error {
					if got := w.Principals(t, "soil-003"); len(got) != 1 {
						return fmt.Errorf("soil-003 has the principals %v", got)
					}
					w.Parameter(t, bundles+"soil-007")
					return nil
				},
			),
		},
		resource.TestStep{ // seen by the refresh
			PreConfig: func() { w.RemoveParameter(t, bundles+"soil-009") }, Config: deep,
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: plans(nil, []string{"soil-009"}, nil)},
			Check: func(*terraform.State) error {
				w.Parameter(t, bundles+"soil-009")
				return nil
			},
		},
	)
}
