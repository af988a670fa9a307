package provisioning

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/thing"
)

// config is the hook's environment; its variables are a contract.
type config struct {
	pipeline    string
	table       string   // the allow list
	templateARN string   // the only template that the hook answers for
	owner       string   // the pipeline's owner token
	prefix      string   // of the things' names; may be empty
	attributes  []string // the template's parameters that become attributes of the thing
}

func loadConfig(getenv func(string) string) (config, error) {
	c := config{
		pipeline:    getenv(contract.EnvPipeline),
		table:       getenv(contract.EnvAllowListTable),
		templateARN: getenv(contract.EnvTemplateARN),
		owner:       getenv(contract.EnvOwner),
		prefix:      getenv(contract.EnvThingNamePrefix),
	}
	var problems []error
	for _, required := range []struct{ name, value string }{
		{contract.EnvPipeline, c.pipeline}, {contract.EnvAllowListTable, c.table},
		{contract.EnvTemplateARN, c.templateARN}, {contract.EnvOwner, c.owner},
	} {
		if required.value == "" {
			problems = append(problems, fmt.Errorf("%s is not set", required.name))
		}
	}
	if c.prefix != "" && !thing.Valid(c.prefix) {
		problems = append(problems,
			fmt.Errorf("IOT_THING_NAME_PREFIX is %q, which no thing's name starts with", c.prefix))
	}
	if names := getenv(contract.EnvAttributes); names != "" {
		c.attributes = strings.Split(names, ",")
	}
	for i, name := range c.attributes {
		if name == "" || name == serialParameter || name == certificateParameter ||
			slices.Contains(c.attributes[:i], name) {
			problems = append(
				problems,
				fmt.Errorf(
					"IOT_ATTRIBUTES has the name %q, which is empty, there twice or a parameter of another meaning",
					name,
				),
			)
		}
	}
	if len(problems) > 0 {
		return config{}, fmt.Errorf("reading the pre-provisioning hook's environment: %w", errors.Join(problems...))
	}
	return c, nil
}
