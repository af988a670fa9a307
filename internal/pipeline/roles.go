package pipeline

import (
	"maps"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// inlinePolicy is the name of each role's one policy.
const inlinePolicy = "pipeline"

// ruleRole is the role of topic rules. It allows what their actions need, and the dead-letter queue for messages that
// an action could not deliver.
func (b *builder) ruleRole(purpose, description string, rules []string, grants ...statement) assembly.Part {
	sources := make([]string, len(rules))
	for i, key := range rules {
		sources[i] = b.arn.rule(b.names.rule(key))
	}
	grants = append(grants, allow([]string{"sqs:SendMessage"}, b.arn.queue(b.names.deadLetters())))
	return b.role(purpose, description, trust("iot.amazonaws.com", b.env.AccountID, sources...), grants)
}

// functionRole is the execution role of a function. Its trust names only the account: Lambda also assumes the role to
// poll the stream and to check it when a mapping is created, and AWS documents no source ARN for that.
func (b *builder) functionRole(f *function) assembly.Part {
	grants := b.grants(f.name, needs.Of(f.name))
	if *b.config.Functions.Tracing {
		// X-Ray's write actions take no resource.
		grants = append(grants, allow([]string{"xray:PutTelemetryRecords", "xray:PutTraceSegments"}, "*"))
	}
	if f.keys != nil {
		grants = append(grants, f.keys(b)...)
	}
	role := func(grants []statement) assembly.Part {
		return b.role(f.name, "Execution role of function "+b.names.function(f.name),
			trust("lambda.amazonaws.com", b.env.AccountID), grants)
	}
	part := role(grants)
	if late := f.lateSettings(b); late != nil && late.grants != nil {
		part.Needs = sorted(append(part.Needs, late.part))
		part.Want = func(up assembly.Upstream) (any, error) {
			return role(slices.Concat(grants, late.grants(up[late.part].Outputs))).Want(up)
		}
	}
	return part
}

func (b *builder) role(purpose, description, trusted string, grants []statement) assembly.Part {
	name := b.names.role(purpose)
	return b.part("role/"+purpose, spec.KindRole, name, b.arn.role(name), nil, spec.Role{
		Description: description,
		Path:        "/",
		Trust:       trusted,
		Inline:      map[string]string{inlinePolicy: policy(grants...)},
		Boundary:    deref(b.config.PermissionsBoundary),
		Tags:        b.env.Tags,
	})
}

// grants turns a function's list of calls into statements, one per resource in the order of the list, and leaves out
// what this pipeline does not have.
func (b *builder) grants(function string, list []needs.Need) []statement {
	resources := b.resources(function)
	var order []string
	actions := map[string][]string{}
	for _, n := range list {
		arn := resources[n.On]
		if arn == "" || n.With != "" && resources[n.With] == "" {
			continue
		}
		if actions[arn] == nil {
			order = append(order, arn)
		}
		actions[arn] = append(actions[arn], n.Action)
	}
	statements := make([]statement, len(order))
	for i, arn := range order {
		statements[i] = allow(actions[arn], arn)
	}
	return statements
}

// resources returns the ARN of everything a function may need; "" is what the pipeline does not have.
func (b *builder) resources(function string) map[needs.Resource]string {
	r := map[needs.Resource]string{needs.LogStreams: b.arn.logGroup(b.names.logGroup(function)) + ":log-stream:*"}
	for _, c := range capabilities() {
		if c.resources != nil {
			maps.Copy(r, c.resources(b))
		}
	}
	return r
}

// encryptWith lets a role write what is encrypted with the key. Multipart uploads and SNS, which reads back its data
// key, need Decrypt.
func (b *builder) encryptWith(key *string) []statement {
	if key == nil {
		return nil
	}
	return []statement{allow([]string{"kms:Decrypt", "kms:GenerateDataKey"}, b.arn.key(*key))}
}

func (b *builder) useKey(action string, key *string) []statement {
	if key == nil {
		return nil
	}
	return []statement{allow([]string{action}, b.arn.key(*key))}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
