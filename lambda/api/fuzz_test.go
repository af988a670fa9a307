package api

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// FuzzOperations makes requests from the document, as its schemas want them and as they do not. The API answers each as
// the document says, takes none that the document refuses, and never fails.
func FuzzOperations(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed)
	}
	fixture := newFixture(f, nil)
	ids := []string{fixture.inhabit()}
	loaded, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		here := *fixture
		here.t = t
		g := &generator{rand.New(rand.NewPCG(seed, 1)), ids}
		r := g.request(loaded)
		if got := here.ask(r); got.status >= http.StatusInternalServerError {
			t.Errorf("%s %s %v %s: answer %d %s", r.method, r.path, r.headers, r.body, got.status, got.body)
		}
	})
}

// generator makes random requests.
type generator struct {
	*rand.Rand
	commands []string
}

// one picks one of several values.
func one[T any](g *generator, values ...T) T { return values[g.IntN(len(values))] }

func (g *generator) request(document *openapi3.T) request {
	paths := document.Paths.Map()
	path := one(g, slices.Sorted(maps.Keys(paths))...)
	operations := paths[path].Operations()
	method := one(g, slices.Sorted(maps.Keys(operations))...)
	operation := operations[method]
	r := request{method: method, path: path, route: method + " " + path, headers: map[string]string{}}
	query := url.Values{}
	for _, ref := range operation.Parameters {
		p := ref.Value
		if !p.Required && g.IntN(2) == 0 {
			continue
		}
		value := g.parameter(p)
		switch p.In {
		case "path":
			r.path = strings.ReplaceAll(r.path, "{"+p.Name+"}", url.PathEscape(value))
		case "query":
			query.Add(p.Name, value)
		case "header":
			r.headers[p.Name] = value
		}
	}
	if g.IntN(12) == 0 {
		query.Add(g.text(), g.text())
	}
	if len(query) > 0 {
		r.path += "?" + query.Encode()
	}
	if operation.RequestBody != nil {
		r.body = g.body()
		if g.IntN(10) == 0 {
			r.headers["Content-Type"] = one(g, "text/plain", "application/json; charset=utf-8", "application/cbor", ";",
				"application/merge-patch+json", "multipart/form-data; boundary=x")
		}
	}
	return r
}

// parameter makes a value: one that exists, one at a limit of its schema, or anything.
func (g *generator) parameter(p *openapi3.Parameter) string {
	if g.IntN(6) == 0 {
		return g.text()
	}
	schema := p.Schema.Value
	switch {
	case p.Name == "device":
		return one(g, "soil-001", "soil-001", "soil-002", "a:b_c")
	case p.Name == "command":
		return one(g, g.commands[0], "01890000-0000-7000-8000-000000000000")
	case p.Name == "shadow":
		return one(g, "display", "config", "other")
	case p.Name == "If-Match":
		return one(g, "*", `"0"`, `"1"`, `"2"`, `W/"1"`)
	case schema.Type.Is("integer"):
		least, most := int64(*schema.Min), int64(*schema.Max)
		return strconv.FormatInt(one(g, least, most, least-1, most+1, least+g.Int64N(most-least)), 10)
	case schema.Format == "date-time":
		return one(g, "2026-01-01T12:00:00Z", "2026-01-01T12:00:00.5+02:00", "0000-01-01T00:00:00Z",
			"9999-12-31T23:59:59Z", "2026-01-01", "2026-01-01T24:00:00Z")
	case len(schema.Enum) > 0:
		return one(g, schema.Enum...).(string)
	}
	return one(g, "humidity", "data.humidity", "x", "AAAA")
}

// text makes a text that nobody expects.
func (g *generator) text() string {
	return one(g, "", " ", "..", "a/b", "$rules", "%", "%2F", "söil", "\x00", "\xff", "'\"<>&;", "null", "-1", "1e9", "NaN",
		"٣", strings.Repeat("x", 200), "a,b", "{device}", "#", "?")
}

// body makes JSON that an operation may want, or text.
func (g *generator) body() string {
	if g.IntN(10) == 0 {
		return one(g, "", "{", "[]", "null", "7", `"x"`, "{}{}", "\xff", `{"a":1,}`, `{"a":"`+strings.Repeat("x", 110<<10)+`"}`,
			strings.Repeat(`{"a":`, 12_000)+"1"+strings.Repeat("}", 12_000), strings.Repeat("[", 500)+strings.Repeat("]", 500))
	}
	text, err := json.Marshal(g.object(3))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (g *generator) object(depth int) map[string]any {
	object := map[string]any{}
	for range g.IntN(4) {
		name := one(g, "desired", "max_temperature", "mode", "armed", "command_id", "interval", "a", g.text())
		object[name] = g.value(depth - 1)
	}
	return object
}

func (g *generator) value(depth int) any {
	if depth > 0 && g.IntN(2) == 0 {
		return one[any](g, g.object(depth), []any{g.value(depth - 1), g.value(depth - 1)})
	}
	return one[any](g, nil, true, false, 0, -1.5, 1e300, json.Number("123456789012345678901234567890"), "night", g.text())
}
