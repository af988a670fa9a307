package pipeline_test

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

const minimal = `
  name    = "greenhouse"
  devices = { "soil-001" = {} }
`

func at(name string, more ...string) tfjsonpath.Path {
	path := tfjsonpath.New(name)
	for _, step := range more {
		path = path.AtMapKey(step)
	}
	return path
}

// A plan of a create names what it will make; the framework checks that the next plan is empty.
func TestMinimalPipeline(t *testing.T) {
	w := newLocalAWS(t)
	w.run(resource.TestStep{
		Config: w.config(pipeline(minimal)),
		ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
			plancheck.ExpectKnownValue(address, at("parts", "stream", "arn"),
				knownvalue.StringExact("arn:aws:kinesis:us-east-1:123456789012:stream/greenhouse")),
			plancheck.ExpectKnownValue(address, at("parts", "rule/telemetry", "name"),
				knownvalue.StringExact("greenhouse_telemetry")),
			plancheck.ExpectKnownValue(address, at("topics", "telemetry"),
				knownvalue.StringExact("greenhouse/{thing}/telemetry")),
			plancheck.ExpectUnknownValue(address, at("id")),
			plancheck.ExpectUnknownValue(address, at("identities", "soil-001", "certificate_id")),
			plancheck.ExpectKnownValue(address, at("identities", "soil-001", "credentials"), knownvalue.StringExact(
				"arn:aws:ssm:us-east-1:123456789012:parameter/iot-pipeline/greenhouse/devices/soil-001")),
			plancheck.ExpectKnownValue(address, at("naming", "thing_arn"),
				knownvalue.StringExact("arn:aws:iot:us-east-1:123456789012:thing/{thing}")),
			plancheck.ExpectKnownValue(address, at("naming", "certificate_arn"),
				knownvalue.StringExact("arn:aws:iot:us-east-1:123456789012:cert/{certificate_id}")),
		}},
		ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectKnownValue(
				address,
				at("id"),
				knownvalue.StringRegexp(regexp.MustCompile(`^[0-9a-f-]{36}$`)),
			),
			statecheck.ExpectKnownValue(address, at("account_id"), knownvalue.StringExact("123456789012")),
			statecheck.ExpectKnownValue(address, at("dead_letter_queue_url"), knownvalue.NotNull()),
			statecheck.ExpectKnownValue(address, at("timestream_table_arn"), knownvalue.Null()),
			statecheck.ExpectKnownValue(
				address,
				at("identities", "soil-001", "certificate_id"),
				knownvalue.StringRegexp(regexp.MustCompile(`^[0-9a-f]{64}$`)),
			),
			statecheck.ExpectKnownValue(address, at("parts", "fleet", "status"), knownvalue.StringExact("ready")),
		},
	})
}
