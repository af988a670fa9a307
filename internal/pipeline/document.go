package pipeline

import (
	"bytes"
	"encoding/json"
)

// document is an IAM, resource or IoT policy document.
type document struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid       string     `json:",omitempty"`
	Effect    string     //
	Principal any        `json:",omitempty"` // "*" or a principal
	Action    []string   //
	Resource  []string   `json:",omitempty"`
	Condition conditions `json:",omitempty"`
}

// conditions is operator → key → values.
type conditions map[string]map[string][]string

type principal struct {
	Service string `json:",omitempty"`
	AWS     string `json:",omitempty"`
}

func allow(actions []string, resources ...string) statement {
	return statement{Effect: "Allow", Action: actions, Resource: resources}
}

func policy(statements ...statement) string {
	return encode(document{Version: "2012-10-17", Statement: statements})
}

// denyPlain refuses actions over connections without TLS, to everybody.
func denyPlain(action string, resources ...string) statement {
	return statement{Sid: "TLSOnly", Effect: "Deny", Principal: "*", Action: []string{action}, Resource: resources,
		Condition: conditions{"Bool": {"aws:SecureTransport": {"false"}}}}
}

// trust lets an AWS service assume a role on behalf of this account, and of the
// given objects only when there are some.
func trust(service, account string, sources ...string) string {
	s := statement{Effect: "Allow", Principal: principal{Service: service}, Action: []string{"sts:AssumeRole"},
		Condition: conditions{"StringEquals": {"aws:SourceAccount": {account}}}}
	if len(sources) > 0 {
		s.Condition["ArnLike"] = map[string][]string{"aws:SourceArn": sources}
	}
	return policy(s)
}

// encode gives compact JSON with sorted map keys. What is encoded here is plain
// data of this package, which always has a JSON form.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("pipeline: encoding plain data: " + err.Error()) //nolint:forbidigo // cannot happen, see above
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
