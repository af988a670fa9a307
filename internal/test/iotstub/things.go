package iotstub

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

type thing struct {
	name, kind string
	attributes map[string]string
	principals []string // ARNs
	lag        int      // deletions still to be refused
	version    int64
}

type thingRequest struct {
	ThingTypeName    string `json:"thingTypeName"`
	RemoveThingType  bool   `json:"removeThingType"`
	ExpectedVersion  int64  `json:"expectedVersion"`
	AttributePayload *struct {
		Attributes map[string]string `json:"attributes"`
		Merge      bool              `json:"merge"`
	} `json:"attributePayload"`
}

func (s *Server) routeThings() {
	handle := func(pattern, name string, do operation) { s.mux.HandleFunc(pattern, s.serve("iot:"+name, do)) }
	handle("POST /things/{name}", "CreateThing", s.createThing)
	handle("PATCH /things/{name}", "UpdateThing", s.updateThing)
	handle("GET /things/{name}", "DescribeThing", s.describeThing)
	handle("DELETE /things/{name}", "DeleteThing", s.deleteThing)
	handle("GET /things", "ListThings", s.listThings)
	handle("PUT /thing-groups/addThingToThingGroup", "AddThingToThingGroup", s.joinGroup)
	handle("PUT /thing-groups/removeThingFromThingGroup", "RemoveThingFromThingGroup", s.leaveGroup)
	handle("GET /thing-groups/{name}/things", "ListThingsInThingGroup", s.listGroup)
	if s.options.Next == nil { // else the thing types are the other's
		handle("GET /thing-types/{name}", "DescribeThingType", s.describeThingType)
	}
}

// AddThingType adds a thing type. Things can be of types that were not added: those count as deleted.
func (s *Server) AddThingType(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.thingTypes[name] = true
}

func (s *Server) describeThingType(r *http.Request, _ []byte) (any, *fail) {
	name := r.PathValue("name")
	if !s.thingTypes[name] {
		return nil, notFound("Thing type", name)
	}
	return map[string]any{"thingTypeName": name, "thingTypeArn": arn("iot", "thingtype/"+name),
		"thingTypeMetadata": map[string]any{"deprecated": false}}, nil
}

// createThing answers a repetition as AWS does: success when everything is the same [AWS 1.4 CreateThing].
func (s *Server) createThing(r *http.Request, body []byte) (any, *fail) {
	name := r.PathValue("name")
	var in thingRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &fail{code: "InvalidRequestException", message: err.Error()}
	}
	made := &thing{name: name, kind: in.ThingTypeName, attributes: map[string]string{}, version: 1}
	if in.AttributePayload != nil {
		made.attributes = in.AttributePayload.Attributes
	}
	if old := s.things[name]; old != nil {
		if old.kind != made.kind || !maps.Equal(old.attributes, made.attributes) {
			return nil, &fail{
				"ResourceAlreadyExistsException",
				"Thing " + name + " already exists in account with different properties",
				http.StatusConflict,
			}
		}
		made = old
	}
	s.things[name] = made
	return map[string]string{"thingName": name, "thingArn": arn("iot", "thing/"+name)}, nil
}

func (s *Server) updateThing(r *http.Request, body []byte) (any, *fail) {
	t := s.things[r.PathValue("name")]
	if t == nil {
		return nil, notFound("Thing", r.PathValue("name"))
	}
	var in thingRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &fail{code: "InvalidRequestException", message: err.Error()}
	}
	if in.ExpectedVersion != 0 && in.ExpectedVersion != t.version {
		return nil, &fail{"VersionConflictException", "The version for thing " + t.name +
			" does not match the expected version.", http.StatusConflict}
	}
	t.version++
	if in.ThingTypeName != "" {
		t.kind = in.ThingTypeName
	}
	if in.RemoveThingType {
		t.kind = ""
	}
	if p := in.AttributePayload; p != nil {
		if p.Merge {
			p.Attributes = merged(t.attributes, p.Attributes)
		}
		maps.DeleteFunc(p.Attributes, func(_, value string) bool { return value == "" })
		t.attributes = p.Attributes
	}
	return map[string]string{}, nil
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func (t *thing) describe() map[string]any {
	m := map[string]any{
		"thingName":  t.name,
		"thingArn":   arn("iot", "thing/"+t.name),
		"attributes": t.attributes,
		"version":    t.version,
	}
	if t.kind != "" {
		m["thingTypeName"] = t.kind
	}
	return m
}

func (s *Server) describeThing(r *http.Request, _ []byte) (any, *fail) {
	t := s.things[r.PathValue("name")]
	if t == nil {
		return nil, notFound("Thing", r.PathValue("name"))
	}
	return t.describe(), nil
}

func (s *Server) deleteThing(r *http.Request, _ []byte) (any, *fail) {
	name := r.PathValue("name")
	t := s.things[name]
	if t == nil {
		return map[string]string{}, nil // [AWS 1.4 DeleteThing]
	}
	if len(t.principals) > 0 || t.lag > 0 {
		t.lag = max(0, t.lag-1)
		return nil, &fail{
			code:    "InvalidRequestException",
			message: "Cannot delete. Thing " + name + " is still attached to one or more principals",
		}
	}
	delete(s.things, name)
	for _, members := range s.groups {
		delete(members, name)
	}
	return map[string]string{}, nil
}

func (s *Server) listThings(r *http.Request, _ []byte) (any, *fail) {
	q := r.URL.Query()
	var names []string
	for name, t := range s.things {
		if kind := q.Get("thingTypeName"); kind != "" && t.kind != kind {
			continue
		}
		if key := q.Get("attributeName"); key != "" && t.attributes[key] != q.Get("attributeValue") {
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	names, next := page(names, q.Get("nextToken"), limit(q.Get("maxResults")))
	list := make([]any, len(names))
	for i, name := range names {
		list[i] = s.things[name].describe()
	}
	return map[string]any{"things": list, "nextToken": orNil(next)}, nil
}

func limit(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 250 {
		return 25
	}
	return n
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

type membership struct {
	Group string `json:"thingGroupName"`
	Thing string `json:"thingName"`
}

func (s *Server) joinGroup(_ *http.Request, body []byte) (any, *fail) {
	var in membership
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &fail{code: "InvalidRequestException", message: err.Error()}
	}
	if s.things[in.Thing] == nil {
		return nil, notFound("Thing", in.Thing)
	}
	if s.groups[in.Group] == nil {
		s.groups[in.Group] = map[string]bool{}
	}
	s.groups[in.Group][in.Thing] = true
	return map[string]string{}, nil
}

func (s *Server) leaveGroup(_ *http.Request, body []byte) (any, *fail) {
	var in membership
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &fail{code: "InvalidRequestException", message: err.Error()}
	}
	delete(s.groups[in.Group], in.Thing)
	return map[string]string{}, nil
}

func (s *Server) listGroup(r *http.Request, _ []byte) (any, *fail) {
	q := r.URL.Query()
	names := slices.Sorted(maps.Keys(s.groups[r.PathValue("name")]))
	names, next := page(names, q.Get("nextToken"), limit(q.Get("maxResults")))
	return map[string]any{"things": append([]string{}, names...), "nextToken": orNil(next)}, nil
}
