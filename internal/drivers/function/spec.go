package function

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// defaultLogLevel is what Lambda assumes for JSON logs [AWS 8].
const defaultLogLevel = "INFO"

func createInput(ref assembly.Ref, want spec.Function, zip []byte) *lambda.CreateFunctionInput {
	return &lambda.CreateFunctionInput{
		FunctionName:  &ref.Name,
		Description:   &want.Description,
		Role:          &want.RoleARN,
		Runtime:       types.RuntimeProvidedal2023,
		Handler:       &want.Handler,
		Architectures: []types.Architecture{types.Architecture(want.Architecture)},
		MemorySize:    &want.MemoryMB,
		Timeout:       &want.TimeoutSeconds,
		Environment:   environment(want),
		LoggingConfig: logging(want),
		TracingConfig: tracing(want),
		Code:          &types.FunctionCode{ZipFile: zip},
		VpcConfig:     createNetwork(want.Network),
		Tags:          ownertag.Tags(ref.Owner, want.Tags),
	}
}

func createNetwork(n *spec.FunctionNetwork) *types.VpcConfig {
	if n == nil {
		return nil
	}
	return network(n)
}

// network in an update is never absent: that would leave the function where it is.
func network(n *spec.FunctionNetwork) *types.VpcConfig {
	if n == nil {
		return &types.VpcConfig{SubnetIds: []string{}, SecurityGroupIds: []string{}}
	}
	return &types.VpcConfig{SubnetIds: n.SubnetIDs, SecurityGroupIds: n.SecurityGroupIDs}
}

func configurationInput(name string, want spec.Function) *lambda.UpdateFunctionConfigurationInput {
	return &lambda.UpdateFunctionConfigurationInput{
		FunctionName:  &name,
		Description:   &want.Description,
		Handler:       &want.Handler,
		Role:          &want.RoleARN,
		MemorySize:    &want.MemoryMB,
		Timeout:       &want.TimeoutSeconds,
		Environment:   environment(want),
		LoggingConfig: logging(want),
		TracingConfig: tracing(want),
		VpcConfig:     network(want.Network),
	}
}

func environment(want spec.Function) *types.Environment {
	variables := want.Environment
	if variables == nil {
		variables = map[string]string{} // an absent map would leave the old variables
	}
	return &types.Environment{Variables: variables}
}

// keeping returns the wanted environment with the variables that stay as they are. One that the function does not have
// remains different.
func keeping(have, want spec.Function) map[string]string {
	if len(want.Kept) == 0 {
		return want.Environment
	}
	all := maps.Clone(want.Environment)
	for _, name := range want.Kept {
		if value, ok := have.Environment[name]; ok {
			all[name] = value
		}
	}
	return all
}

// checkKept refuses to write an environment whose kept variables the function does not have.
func checkKept(have map[string]string, want spec.Function) error {
	for _, name := range want.Kept {
		if _, ok := have[name]; !ok {
			return fmt.Errorf("the function has no variable %s to keep, and the file that it comes from cannot be "+
				"read", name)
		}
	}
	return nil
}

// logging asks for JSON, without which levels have no effect [AWS 8].
func logging(want spec.Function) *types.LoggingConfig {
	c := &types.LoggingConfig{
		LogFormat:           types.LogFormatJson,
		ApplicationLogLevel: types.ApplicationLogLevel(cmp.Or(want.LogLevel, defaultLogLevel)),
		SystemLogLevel:      types.SystemLogLevelInfo,
	}
	if want.LogGroup != "" {
		c.LogGroup = &want.LogGroup
	}
	return c
}

func tracing(want spec.Function) *types.TracingConfig {
	if want.Tracing {
		return &types.TracingConfig{Mode: types.TracingModeActive}
	}
	return &types.TracingConfig{Mode: types.TracingModePassThrough}
}

func specOf(c *types.FunctionConfiguration) spec.Function {
	s := spec.Function{
		Description:    aws.ToString(c.Description),
		Handler:        aws.ToString(c.Handler),
		RoleARN:        aws.ToString(c.Role),
		Architecture:   string(types.ArchitectureX8664),
		MemoryMB:       aws.ToInt32(c.MemorySize),
		TimeoutSeconds: aws.ToInt32(c.Timeout),
		Tracing:        c.TracingConfig != nil && c.TracingConfig.Mode == types.TracingModeActive,
		CodeSHA256:     aws.ToString(c.CodeSha256),
	}
	if len(c.Architectures) > 0 {
		s.Architecture = string(c.Architectures[0])
	}
	if c.Environment != nil {
		s.Environment = c.Environment.Variables
	}
	if v := c.VpcConfig; v != nil && len(v.SubnetIds) > 0 {
		s.Network = &spec.FunctionNetwork{
			SubnetIDs:        slices.Sorted(slices.Values(v.SubnetIds)),
			SecurityGroupIDs: slices.Sorted(slices.Values(v.SecurityGroupIds)),
		}
	}
	if l := c.LoggingConfig; l != nil {
		s.LogGroup = aws.ToString(l.LogGroup)
		s.LogLevel = "none" // plain text has no levels: different from every wanted level
		if l.LogFormat == types.LogFormatJson {
			s.LogLevel = string(l.ApplicationLogLevel)
		}
	}
	return s
}

func sameNetwork(have, want *spec.FunctionNetwork) bool {
	if have == nil || want == nil {
		return have == want
	}
	return slices.Equal(have.SubnetIDs, want.SubnetIDs) && slices.Equal(have.SecurityGroupIDs, want.SecurityGroupIDs)
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{Outputs: true} }

// Diff names description, handler, role, memory_mb, timeout_seconds, environment, log_group, log_level, tracing, vpc,
// architecture, code, permissions, async and tags.
func (d *Driver) Diff(have, want spec.Function) []assembly.Change {
	var changes []assembly.Change
	add := func(differs bool, field string) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	add(have.Description != want.Description, "description")
	add(have.Handler != want.Handler, "handler")
	add(have.RoleARN != want.RoleARN, "role")
	add(have.MemoryMB != want.MemoryMB, "memory_mb")
	add(have.TimeoutSeconds != want.TimeoutSeconds, "timeout_seconds")
	add(!maps.Equal(have.Environment, keeping(have, want)), "environment")
	add(want.LogGroup != "" && have.LogGroup != want.LogGroup, "log_group")
	add(have.LogLevel != cmp.Or(want.LogLevel, defaultLogLevel), "log_level")
	add(have.Tracing != want.Tracing, "tracing")
	add(!sameNetwork(have.Network, want.Network), "vpc")
	add(have.Architecture != want.Architecture, "architecture")
	add(want.CodeSHA256 != "" && have.CodeSHA256 != want.CodeSHA256, "code")
	add(!slices.Equal(ordered(have.Permissions), ordered(want.Permissions)), "permissions")
	add(!sameAsync(have.Async, want.Async), "async")
	add(ownertag.TagsDiffer(have.Tags, want.Tags), "tags")
	return changes
}
