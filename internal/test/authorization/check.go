package authorization

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

//go:embed reference.json
var data []byte

// Load reads the copy of the reference.
func Load() (*Reference, error) {
	var r Reference
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("reading the service authorization reference: %w", err)
	}
	return &r, nil
}

// statement is a statement of a policy document.
type statement struct {
	Principal any
	Action    texts
	Resource  texts
	Condition map[string]map[string]any

	NotAction, NotResource, NotPrincipal any
}

// texts is a string or a list of them.
type texts []string

// UnmarshalJSON reads either form.
func (t *texts) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(t))
}

// Check gives what is wrong with a policy document, one sentence each. The further condition keys exist besides those
// of the reference.
func (r *Reference) Check(document string, further ...string) []string {
	var d struct{ Statement []statement }
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		return []string{fmt.Sprintf("the document cannot be read: %v", err)}
	}
	var wrong []string
	for _, s := range d.Statement {
		if s.NotAction != nil || s.NotResource != nil || s.NotPrincipal != nil {
			wrong = append(wrong, "a statement with NotAction, NotResource or NotPrincipal is not understood")
		}
		wrong = append(wrong, r.statement(s, further)...)
	}
	return wrong
}

func (r *Reference) statement(s statement, further []string) []string {
	var wrong []string
	var all []found
	for _, pattern := range s.Action {
		actions := r.actions(pattern)
		all = append(all, actions...)
		if len(actions) == 0 {
			wrong = append(wrong, pattern+": there is no such action")
		}
		// What a pattern names may be about different resources.
		if len(actions) == 1 {
			wrong = append(wrong, actions[0].without(s)...)
		}
		for _, key := range s.keys() {
			if !r.hasKey(actions, key, further) {
				wrong = append(wrong, fmt.Sprintf("%s: there is no condition key %s", pattern, key))
			}
		}
	}
	names := strings.Join(s.Action, ", ")
	for _, arn := range s.Resource {
		if arn != "*" && !slices.ContainsFunc(all, func(a found) bool { return a.takes(arn) }) {
			wrong = append(wrong, fmt.Sprintf("%s: no action of %s takes it", arn, names))
		}
	}
	if len(s.Resource) == 0 && s.Principal == nil {
		wrong = append(wrong, names+": there is no resource")
	}
	return wrong
}

func (s statement) keys() []string {
	keys := map[string]bool{}
	for _, operator := range s.Condition {
		for key := range operator {
			keys[key] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// found is an action with its service.
type found struct {
	name    string
	action  Action
	service Service
}

// actions are those that a pattern such as "s3:Get*" names.
func (r *Reference) actions(pattern string) []found {
	prefix, name, _ := strings.Cut(pattern, ":")
	service := r.Services[prefix]
	if action, ok := service.Actions[name]; ok {
		return []found{{pattern, action, service}}
	}
	start, isPattern := strings.CutSuffix(name, "*")
	var all []found
	for _, name := range slices.Sorted(maps.Keys(service.Actions)) {
		if isPattern && strings.HasPrefix(name, start) {
			all = append(all, found{prefix + ":" + name, service.Actions[name], service})
		}
	}
	return all
}

// takes reports whether the action can be limited to an ARN.
func (f found) takes(arn string) bool {
	for kind := range f.action.Resources {
		// Kinds of two generations of API Gateway have two ARNs in the reference.
		for _, known := range strings.Split(f.service.ARNs[kind], ", ") {
			if fits(arn, known) {
				return true
			}
			// The path of an HTTP request to a domain comes after its ARN; the guide "Identity and Access Management in
			// Amazon OpenSearch Service" has it, the reference has not.
			domain, below := strings.CutSuffix(arn, "/*")
			if below && strings.HasPrefix(f.name, "es:ESHttp") && fits(domain, known) {
				return true
			}
		}
	}
	return false
}

// without tells what the action needs and does not find in its statement.
func (f found) without(s statement) []string {
	arns := s.Resource
	// A trust policy names no resource: it is about its own role.
	if len(arns) == 0 || slices.Contains(arns, "*") {
		return nil
	}
	if len(f.action.Resources) == 0 {
		return []string{f.name + ": it takes no resource but *"}
	}
	if !slices.ContainsFunc(arns, f.takes) {
		return []string{fmt.Sprintf("%s: it takes none of %s", f.name, strings.Join(arns, ", "))}
	}
	// Of several required types of one service any will do: each is for another use of the action. One of another
	// service comes on top.
	service := func(arn string) string { return strings.Split(arn, ":")[2] }
	var wrong []string
	for _, kind := range slices.Sorted(maps.Keys(f.action.Resources)) {
		form, prefix := f.service.ARNs[kind], strings.Split(f.name, ":")[0]
		fitting := func(arn string) bool { return fits(arn, form) }
		if f.action.Resources[kind] && service(form) != prefix && !slices.ContainsFunc(arns, fitting) {
			wrong = append(wrong, fmt.Sprintf("%s: it needs a resource of type %s as well", f.name, kind))
		}
	}
	return wrong
}

// hasKey reports whether one of the actions has a condition key, or all have.
func (r *Reference) hasKey(actions []found, key string, further []string) bool {
	keys := slices.Concat(r.GlobalKeys, further)
	for _, a := range actions {
		keys = append(keys, a.action.Keys...)
	}
	return slices.ContainsFunc(keys, func(known string) bool {
		start, _, isPattern := strings.Cut(strings.ToLower(known), "${")
		given := strings.ToLower(key)
		return given == start && !isPattern || isPattern && strings.HasPrefix(given, start) && len(given) > len(start)
	})
}
