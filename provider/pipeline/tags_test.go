package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
)

const taggedRole = "greenhouse-us-east-1-processor"

// The provider's default_tags and the pipeline's own reach every object; ignored ones are left to others.
func TestTags(t *testing.T) {
	w := newLocalAWS(t)
	body := block(base)
	tagged := func(provider string) string {
		return w.provider(provider) + strings.Replace(body, "  name =", "  tags = { team = \"farm\" }\n  name =", 1)
	}
	state := &recorded{}
	w.run(
		resource.TestStep{Config: w.provider("") + body, Check: state.take},
		resource.TestStep{
			Config: tagged(`  default_tags { tags = { team = "platform", cost-center = "4711" } }`),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectKnownValue(address, at("tags_all", "team"), knownvalue.StringExact("farm")),
				plancheck.ExpectKnownValue(address, at("tags_all", "cost-center"), knownvalue.StringExact("4711")),
			}},
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, at("tags_all"), knownvalue.MapSizeExact(2)),
			},
			Check: func(*terraform.State) error {
				tags := w.RoleTags(t, taggedRole)
				if tags["team"] != "farm" || tags["cost-center"] != "4711" || tags["iot-pipeline:id"] != state.owner {
					return fmt.Errorf("the role has the tags %v", tags)
				}
				return nil
			},
		},
		resource.TestStep{
			PreConfig: func() { w.TagRole(t, taggedRole, "scanner:seen", "yes") },
			Config: tagged(
				"  default_tags {\n    tags = { cost-center = \"4711\" }\n  }\n  ignore_tags {\n    key_prefixes = " +
					"[\"scanner:\"]\n  }",
			),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
		},
		resource.TestStep{ // without ignore_tags the other's tag is drift
			Config: tagged(`  default_tags { tags = { cost-center = "4711" } }`),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)}},
			Check: func(*terraform.State) error {
				if tags := w.RoleTags(t, taggedRole); len(tags) != 3 {
					return fmt.Errorf("the role has the tags %v", tags)
				}
				return nil
			},
		},
	)
}

// A tag of each object that has some is changed by hand: the refresh sees it, also where reading tags takes a request,
// and the plan puts it back. Ignored tags are left alone.
func TestDriftOfTags(t *testing.T) {
	w := newLocalAWS(t)
	config := w.provider("  default_tags { tags = { team = \"farm\" } }\n"+
		"  ignore_tags { key_prefixes = [\"scanner:\"] }\n") + block(everything(t))
	state := &recorded{}
	changed := func(key, value string) func() {
		return func() {
			for _, r := range state.parts {
				if awstest.TaggedApart(r.Kind) {
					w.SetTag(t, r, key, value)
				}
			}
		}
	}
	seen := func(s *terraform.State) error {
		var checks []resource.TestCheckFunc
		for key, r := range state.parts {
			if awstest.TaggedApart(r.Kind) {
				status := "parts." + key + ".status"
				checks = append(checks, resource.TestCheckResourceAttr(address, status, "drifted: tags"))
			}
		}
		if len(checks) < 25 {
			return fmt.Errorf("the pipeline has only %d objects with tags", len(checks))
		}
		return resource.ComposeAggregateTestCheckFunc(checks...)(s)
	}
	w.run(
		resource.TestStep{Config: config, Check: state.take},
		resource.TestStep{PreConfig: changed("scanner:seen", "yes"), Config: config,
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}},
		resource.TestStep{PreConfig: changed("team", "other"), RefreshState: true, ExpectNonEmptyPlan: true,
			Check: seen},
		repaired(w, config, nil),
	)
}

// A change of the name or the region is another pipeline.
func TestReplacement(t *testing.T) {
	w := newLocalAWS(t)
	replaced := resource.ConfigPlanChecks{
		PreApply: []plancheck.PlanCheck{
			plancheck.ExpectResourceAction(address, plancheck.ResourceActionDestroyBeforeCreate),
		},
	}
	w.run(
		resource.TestStep{Config: w.config(pipeline(minimal))},
		resource.TestStep{
			Config:           w.config(pipeline(strings.Replace(minimal, `"greenhouse"`, `"orchard"`, 1))),
			ConfigPlanChecks: replaced,
		},
		resource.TestStep{
			Config: w.config(
				pipeline(strings.Replace(minimal, `"greenhouse"`, "\"orchard\"\n  region = \"eu-west-1\"", 1)),
			),
			ConfigPlanChecks: replaced,
			ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(address, at("stream_arn"),
				knownvalue.StringExact("arn:aws:kinesis:eu-west-1:123456789012:stream/orchard"))},
		},
	)
}

// Removing the Timestream table is refused at plan time while data may not be deleted.
func TestTimestreamIsNotRemovedByMistake(t *testing.T) {
	w := newLocalAWS(t)
	config := func(more string) string { return w.config(pipeline(minimal + more)) }
	w.run(
		resource.TestStep{Config: config("timestream = {}")},
		resource.TestStep{
			Config:      config(""),
			PlanOnly:    true,
			ExpectError: words(`The change would delete time series`),
		},
		resource.TestStep{
			Config:      config("timestream = { table = \"other\" }"),
			PlanOnly:    true,
			ExpectError: words(`The change would delete time series`),
		},
		resource.TestStep{Config: config("timestream = {}\n force_destroy = true")},
		resource.TestStep{Config: config("timestream = { table = \"other\" }\n force_destroy = true")},
		resource.TestStep{Config: config("force_destroy = true")},
	)
}

// Arguments, and the provider's region, may come from what is not made yet.
func TestUnknownValues(t *testing.T) {
	w := newLocalAWS(t)
	unknown := "resource \"terraform_data\" \"later\" {\n  input = %s\n}\n"
	w.run(
		resource.TestStep{
			Config: w.config(fmt.Sprintf(unknown, `"7"`), pipeline(`
  name    = "greenhouse"
  devices = { "soil-001" = { attributes = { bay = terraform_data.later.output } } }
  tags    = { bay = terraform_data.later.output }
  routes  = { copy = { sql = "SELECT * FROM 'a'", republish = { topic = "copy/${terraform_data.later.output}" } } }`)),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectUnknownValue(address, at("tags_all")),
				plancheck.ExpectKnownValue(address, at("parts", "rule/copy", "name"),
					knownvalue.StringExact("greenhouse_copy")),
			}},
		},
		resource.TestStep{
			Config: strings.Replace(w.provider(""), `"us-east-1"`, "terraform_data.region.output", 1) +
				"resource \"terraform_data\" \"region\" {\n  input = \"us-east-1\"\n}\n" +
				"resource \"iot_pipeline\" \"other\" {\n  name = \"other\"\n}\n" + fmt.Sprintf(unknown, `"8"`),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectUnknownValue("iot_pipeline.other", at("parts")),
			}},
		},
	)
}
