package pipeline

import (
	"errors"
	"maps"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// Arguments of the functions block.
var (
	FunctionArchitectures = Choice{Values: []string{"arm64", "x86_64"}, Default: "arm64"}
	FunctionLogLevels     = Choice{Values: []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"},
		Default: "INFO"}
	// FunctionLogRetentionDays are the days that CloudWatch Logs accepts.
	FunctionLogRetentionDays = Limit{Values: []int64{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731,
		1096,
		1827, 2192, 2557, 2922, 3288, 3653}, Default: value(30), Source: "CloudWatch Logs"}
)

// FunctionsSpec applies to every Lambda function of the pipeline.
type FunctionsSpec struct {
	Architecture     *string `json:"architecture,omitzero"`
	LogRetentionDays *int64  `json:"log_retention_days,omitzero"`
	LogLevel         *string `json:"log_level,omitzero"`
	Tracing          *bool   `json:"tracing,omitzero"`
}

// functions is what all Lambda functions have in common.
func functions() capability {
	return capability{
		defaults: func(s *Spec) {
			f := block(s.Functions)
			f.Architecture = FunctionArchitectures.Or(f.Architecture)
			f.LogRetentionDays = FunctionLogRetentionDays.Or(f.LogRetentionDays)
			f.LogLevel = FunctionLogLevels.Or(f.LogLevel)
			f.Tracing = or(f.Tracing, false)
			s.Functions = f
		},
		check: func(c *checker, s Spec) {
			if f := s.Functions; f != nil {
				c.choice("functions.architecture", f.Architecture, FunctionArchitectures)
				c.choice("functions.log_level", f.LogLevel, FunctionLogLevels)
				c.number("functions.log_retention_days", f.LogRetentionDays, FunctionLogRetentionDays)
			}
		},
		resources: func(*builder) map[needs.Resource]string { return map[needs.Resource]string{needs.Anything: "*"} },
	}
}

// function defines a Lambda function of the pipeline. Its code is in lambda/<name>, and lambda/needs lists the calls
// that it makes. Role, log group, ARN and handler follow from the name.
type function struct {
	name   string
	exists func(b *builder) bool // nil: always
	// configure returns what is particular to the function. Its environment comes in addition to what every function
	// gets (docs/design/contracts.md); an empty value is left out.
	configure func(b *builder) spec.Function
	// replacement returns the path of the user's own zip; nil: the function cannot be replaced.
	replacement func(b *builder) *string
	// keys lets the role use the KMS keys of the user's own; nil: it needs none.
	keys func(b *builder) []statement
	// parts are the parts that the function needs besides its role, log group and the dead-letter queue.
	parts []string
	// late is what only parts that exist know; nil: nothing.
	late func(b *builder) *lateSettings
}

// lateSettings depend on the outputs of a part, so function and role wait for it.
type lateSettings struct {
	part        string
	environment func(outputs map[string]string) (map[string]string, error) // nil: nothing
	grants      func(outputs map[string]string) []statement                // nil: nothing
	permissions func(b *builder, part assembly.Record) ([]spec.Permission, error)
}

func (f *function) lateSettings(b *builder) *lateSettings {
	if f.late == nil {
		return nil
	}
	return f.late(b)
}

// complete adds what the part that exists says to a function.
func (l *lateSettings) complete(b *builder, up assembly.Upstream, f *spec.Function) (err error) {
	if l == nil {
		return nil
	}
	if l.environment != nil {
		more, err := l.environment(up[l.part].Outputs)
		if err != nil {
			return err
		}
		maps.Copy(f.Environment, more)
	}
	if l.permissions != nil {
		f.Permissions, err = l.permissions(b, up[l.part])
	}
	return err
}

// functions are the Lambda functions that the pipeline has.
func (b *builder) functions() []*function {
	var list []*function
	for _, c := range capabilities() {
		if f := c.function; f != nil && (f.exists == nil || f.exists(b)) {
			list = append(list, f)
		}
	}
	return list
}

func (b *builder) functionParts() ([]assembly.Part, error) {
	var parts []assembly.Part
	for _, f := range b.functions() {
		part, err := b.functionPart(f)
		if err != nil {
			return nil, err
		}
		parts = append(parts, b.functionRole(f), b.logGroup(f.name), part)
	}
	return parts, nil
}

func (b *builder) logGroup(function string) assembly.Part {
	name := b.names.logGroup(function)
	return b.part("log_group/"+function, spec.KindLogGroup, name, b.arn.logGroup(name), nil,
		spec.LogGroup{RetentionDays: int32(*b.config.Functions.LogRetentionDays), Tags: b.env.Tags})
}

func (b *builder) functionPart(f *function) (assembly.Part, error) {
	desired, common := f.configure(b), b.config.Functions
	if err := f.code(b, &desired); err != nil {
		return assembly.Part{}, err
	}
	if b.keepTelemetry && desired.Environment[contract.EnvTelemetry] != "" {
		desired.Kept = []string{contract.EnvTelemetry}
	}
	name := b.names.function(f.name)
	desired.Handler = f.name
	desired.RoleARN = b.arn.role(b.names.role(f.name))
	desired.Architecture = *common.Architecture
	desired.LogGroup = b.names.logGroup(f.name)
	desired.LogLevel = *common.LogLevel
	desired.Tracing = *common.Tracing
	desired.Tags = b.env.Tags
	needs := slices.Concat([]string{"dead_letters", "log_group/" + f.name, "role/" + f.name}, f.parts)
	late := f.lateSettings(b)
	if late != nil {
		needs = append(needs, late.part)
	}
	return assembly.Part{
		Key: contract.KeyFunctionPrefix + f.name, Kind: spec.KindFunction, Name: name, ARN: b.arn.function(name),
		Needs: sorted(needs),
		Want: func(up assembly.Upstream) (any, error) {
			url, err := deadLettersURL(up)
			if err != nil {
				return nil, err
			}
			w := desired
			w.Environment = b.environment(desired.Environment)
			w.Environment[contract.EnvDeadLetterQueueURL] = url
			if err := late.complete(b, up, &w); err != nil {
				return nil, err
			}
			return w, nil
		},
	}, nil
}

// code finds the function's code: the one that comes with the provider, or the user's own.
func (f *function) code(b *builder, desired *spec.Function) (err error) {
	zip := f.replacementOf(b)
	if zip == nil {
		desired.CodeSHA256, desired.Code, err = b.env.Code(*b.config.Functions.Architecture)
		return err
	}
	var keep *KeepError
	desired.CodeSHA256, desired.Code, err = b.env.Package(f.name, *zip)
	if errors.As(err, &keep) {
		desired.CodeSHA256, desired.Code = "", func() ([]byte, error) { return nil, keep }
		return nil
	}
	return err
}

func (f *function) replacementOf(b *builder) *string {
	if f.replacement == nil {
		return nil
	}
	return f.replacement(b)
}

// environment is what every function gets (docs/design/contracts.md), and more.
func (b *builder) environment(more map[string]string) map[string]string {
	e := map[string]string{
		contract.EnvPipeline:         b.config.Name,
		contract.EnvTopicPrefix:      b.prefix(),
		contract.EnvDeviceTable:      b.names.pipeline,
		contract.EnvDeadLetterBucket: b.names.bucket(),
		contract.EnvDeadLetterPrefix: deadLetterPrefix,
	}
	for key, value := range more {
		if value != "" {
			e[key] = value
		}
	}
	return e
}
