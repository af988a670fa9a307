package iotstub

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// entry is a parameter or a secret.
type entry struct {
	value string
	tags  map[string]string
}

type tag struct{ Key, Value string }

type storeRequest struct {
	Name, Value      string
	Names            []string
	Overwrite        bool
	Tags             []tag
	TagKeys          []string
	ResourceID       string `json:"ResourceId"`
	NextToken        string
	MaxResults       int
	ParameterFilters []struct {
		Key, Option string
		Values      []string
	}
	SecretID     string   `json:"SecretId"`
	SecretIDList []string `json:"SecretIdList"`
	SecretString string
	Filters      []struct {
		Key    string
		Values []string
	}
}

// routeStores serves Parameter Store and Secrets Manager, which send the operation in a header. Both are asked at "/".
func (s *Server) routeStores() {
	operations := map[string]func(*storeRequest) (any, *fail){
		"AmazonSSM.PutParameter":             s.putParameter,
		"AmazonSSM.GetParameters":            s.getParameters,
		"AmazonSSM.DeleteParameters":         s.deleteParameters,
		"AmazonSSM.DescribeParameters":       s.describeParameters,
		"AmazonSSM.ListTagsForResource":      s.parameterTags,
		"secretsmanager.CreateSecret":        s.createSecret,
		"secretsmanager.DescribeSecret":      s.describeSecret,
		"secretsmanager.UpdateSecret":        s.updateSecret,
		"secretsmanager.DeleteSecret":        s.deleteSecret,
		"secretsmanager.BatchGetSecretValue": s.getSecrets,
		"secretsmanager.ListSecrets":         s.listSecrets,
	}
	s.mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		target := r.Header.Get("X-Amz-Target")
		do, ok := operations[target]
		if !ok {
			if s.options.Next != nil {
				s.options.Next.ServeHTTP(w, r)
				return
			}
			fail{code: "UnknownOperationException"}.write(w)
			return
		}
		name := strings.Replace(
			strings.ToLower(target[:strings.Index(target, ".")])+":"+target[strings.Index(target, ".")+1:],
			"amazonssm",
			"ssm",
			1,
		)
		s.serve(name, func(_ *http.Request, body []byte) (any, *fail) {
			var in storeRequest
			if err := json.Unmarshal(body, &in); err != nil && err != io.EOF {
				return nil, &fail{code: "ValidationException", message: err.Error()}
			}
			return do(&in)
		})(w, r)
	})
}

func newEntry(value string, tags []tag) *entry {
	e := &entry{value: value, tags: map[string]string{}}
	for _, t := range tags {
		e.tags[t.Key] = t.Value
	}
	return e
}

func (e *entry) list() []tag {
	var tags []tag
	for _, key := range slices.Sorted(maps.Keys(e.tags)) {
		tags = append(tags, tag{key, e.tags[key]})
	}
	return tags
}

func (s *Server) putParameter(in *storeRequest) (any, *fail) {
	old := s.parameters[in.Name]
	switch {
	case in.Overwrite && len(in.Tags) > 0:
		return nil, &fail{code: "ValidationException", message: "tags and overwrite can't be used together"}
	case old != nil && !in.Overwrite:
		return nil, &fail{code: "ParameterAlreadyExists", message: "The parameter already exists."}
	case old != nil:
		old.value = in.Value
	default:
		s.parameters[in.Name] = newEntry(in.Value, in.Tags)
	}
	return map[string]any{"Version": 1, "Tier": "Standard"}, nil
}

func (s *Server) getParameters(in *storeRequest) (any, *fail) {
	if len(in.Names) > 10 {
		return nil, &fail{code: "ValidationException", message: "at most 10 names"}
	}
	found := []any{}
	for _, name := range in.Names {
		if e := s.parameters[name]; e != nil {
			found = append(found, map[string]string{"Name": name, "Value": e.value, "Type": "SecureString"})
		}
	}
	return map[string]any{"Parameters": found}, nil
}

func (s *Server) deleteParameters(in *storeRequest) (any, *fail) {
	if len(in.Names) > 10 {
		return nil, &fail{code: "ValidationException", message: "at most 10 names"}
	}
	for _, name := range in.Names {
		delete(s.parameters, name)
	}
	return map[string]any{"DeletedParameters": in.Names}, nil
}

func (s *Server) describeParameters(in *storeRequest) (any, *fail) {
	var names []string
	for name, e := range s.parameters {
		match := true
		for _, f := range in.ParameterFilters {
			if key, isTag := strings.CutPrefix(f.Key, "tag:"); isTag {
				match = match && slices.Contains(f.Values, e.tags[key])
			} else {
				match = match && strings.HasPrefix(name, f.Values[0]+"/")
			}
		}
		if match {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names, next := page(names, in.NextToken, max(1, min(in.MaxResults, 50)))
	list := []any{}
	for _, name := range names {
		list = append(list, map[string]string{"Name": name})
	}
	return map[string]any{"Parameters": list, "NextToken": orNil(next)}, nil
}

func (s *Server) parameterTags(in *storeRequest) (any, *fail) {
	e := s.parameters[in.ResourceID]
	if e == nil {
		return nil, &fail{code: "InvalidResourceId"}
	}
	return map[string]any{"TagList": e.list()}, nil
}

func secretARN(name string) string { return arn("secretsmanager", "secret:"+name+"-a1b2c3") }

func (s *Server) createSecret(in *storeRequest) (any, *fail) {
	if s.secrets[in.Name] != nil {
		return nil, &fail{
			code:    "ResourceExistsException",
			message: "The operation failed because the secret " + in.Name + " already exists.",
		}
	}
	s.secrets[in.Name] = newEntry(in.SecretString, in.Tags)
	return map[string]string{"ARN": secretARN(in.Name), "Name": in.Name}, nil
}

func (s *Server) describeSecret(in *storeRequest) (any, *fail) {
	e := s.secrets[in.SecretID]
	if e == nil {
		return nil, notFound("Secret", in.SecretID)
	}
	return map[string]any{"ARN": secretARN(in.SecretID), "Name": in.SecretID, "Tags": e.list()}, nil
}

func (s *Server) updateSecret(in *storeRequest) (any, *fail) {
	e := s.secrets[in.SecretID]
	if e == nil {
		return nil, notFound("Secret", in.SecretID)
	}
	e.value = in.SecretString
	return map[string]string{"ARN": secretARN(in.SecretID), "Name": in.SecretID}, nil
}

func (s *Server) deleteSecret(in *storeRequest) (any, *fail) {
	if s.secrets[in.SecretID] == nil {
		return nil, notFound("Secret", in.SecretID)
	}
	delete(s.secrets, in.SecretID)
	return map[string]string{"Name": in.SecretID}, nil
}

func (s *Server) getSecrets(in *storeRequest) (any, *fail) {
	values, errs := []any{}, []any{}
	for _, name := range in.SecretIDList {
		if e := s.secrets[name]; e != nil {
			values = append(values, map[string]string{"Name": name, "ARN": secretARN(name), "SecretString": e.value})
		} else {
			errs = append(errs, map[string]string{"SecretId": name, "ErrorCode": "ResourceNotFoundException"})
		}
	}
	return map[string]any{"SecretValues": values, "Errors": errs}, nil
}

func (s *Server) listSecrets(in *storeRequest) (any, *fail) {
	var names []string
	for name := range s.secrets {
		if len(in.Filters) == 0 || strings.HasPrefix(name, in.Filters[0].Values[0]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names, next := page(names, in.NextToken, max(1, min(in.MaxResults, 100)))
	list := []any{}
	for _, name := range names {
		list = append(list, map[string]any{"Name": name, "ARN": secretARN(name), "Tags": s.secrets[name].list()})
	}
	return map[string]any{"SecretList": list, "NextToken": orNil(next)}, nil
}
