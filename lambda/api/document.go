package api

import (
	"bufio"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// document is the OpenAPI document, as the operations below make it: `make generate` writes it, and a test compares. It
// is OpenAPI 3.0, which every generator of clients reads.
//
//go:embed openapi.json
var document []byte

// version is the version of the API; the paths have its first number.
const version = "1.0.0"

// adjust sets what the library keeps for the whole process.
var adjust = sync.OnceFunc(func() {
	huma.DefaultArrayNullable = false
	huma.NewErrorWithContext = newProblem
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return newProblem(nil, status, message, errs...)
	}
})

// build registers the operations.
func (s *service) build() huma.API {
	adjust()
	s.mux = http.NewServeMux()
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: huma.DefaultJSONFormat.Unmarshal}
	api := humago.New(s.mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Device management API", Version: version, Description: description(),
				License: &huma.License{Name: "MPL-2.0"}},
			Servers: []*huma.Server{{URL: "/", Description: "The output api_endpoint of the pipeline"}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"iam": {Type: "apiKey", In: "header", Name: "Authorization",
						Description: "With `auth = \"iam\"`: AWS Signature Version 4 for the service `execute-api`"},
					"jwt": {Type: "http", Scheme: "bearer", BearerFormat: "JWT",
						Description: "With `auth = \"jwt\"`: a token of the pipeline's issuer"},
				},
			},
			Security: []map[string][]string{{"iam": {}}, {"jwt": {}}},
		},
		Formats:                      map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	})
	s.deviceOperations(api)
	s.commandOperations(api)
	s.readingOperations(api)
	s.configOperations(api)
	s.shadowOperations(api)
	s.thresholdOperations(api)
	s.alertOperations(api)
	s.summaryOperation(api)
	s.documentOperation(api)
	for _, path := range api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{path.Get, path.Put, path.Post, path.Patch, path.Delete} {
			describeRetries(op)
		}
	}
	return api
}

// describeRetries says of an operation's answers which of them have Retry-After.
func describeRetries(op *huma.Operation) {
	if op == nil {
		return
	}
	for _, status := range []string{"429", "503"} {
		if answer := op.Responses[status]; answer != nil {
			answer.Headers = map[string]*huma.Param{"Retry-After": {
				Description: "After how many seconds to try again", Schema: &huma.Schema{Type: huma.TypeInteger}}}
		}
	}
}

// description is the document's own text, with the table of problems.
func description() string {
	var b strings.Builder
	b.WriteString("Status, readings, configuration and commands of the devices of one pipeline.\n\n" +
		"Lists are paged: an answer has a `cursor` unless it is the last page. A page can have fewer entries than " +
		"`limit`, also none. Times are RFC 3339 in UTC.\n\nErrors are problem documents (RFC 9457):\n\n" +
		"| `type` ends in | status | meaning |\n|---|---|---|\n")
	for _, k := range kinds {
		fmt.Fprintf(&b, "| `#problem-%s` | %d | %s |\n", k.name, k.status, k.meaning)
	}
	b.WriteString("\n`type` begins with `" + guide + "`.")
	return b.String()
}

// Every operation can answer with these.
var usualProblems = []int{http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusTooManyRequests,
	http.StatusServiceUnavailable}

// operation describes an operation. Its ID is the name of the client's function.
func operation(id, method, path, summary, description string, problems ...int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Description: description,
		Errors: append(problems, usualProblems...),
	}
}

// register adds an operation. Its body is JSON, also if the operation looks at the text.
func register[I, O any](api huma.API, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	if op.Method != http.MethodGet && op.Method != http.MethodDelete {
		op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{}}
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusRequestEntityTooLarge,
			http.StatusUnsupportedMediaType)
		op.Middlewares = append(op.Middlewares, onlyJSON)
	}
	op.Middlewares = append(op.Middlewares, onlyValues)
	huma.Register(api, op, handle)
	if op.RequestBody != nil {
		delete(op.RequestBody.Content, "application/octet-stream")
	}
}

// onlyJSON refuses bodies of another type, also those that the library would read as JSON.
func onlyJSON(ctx huma.Context, next func(huma.Context)) {
	kind, _, err := mime.ParseMediaType(ctx.Header("Content-Type"))
	r, w := humago.Unwrap(ctx)
	body := bufio.NewReader(r.Body)
	_, empty := body.Peek(1)
	if empty == nil && (err != nil || kind != "application/json") {
		write(w, badMediaType.problem("The Content-Type must be application/json."))
		return
	}
	r.Body = io.NopCloser(body)
	next(ctx)
}

// onlyValues refuses parameters without a value, which the library would take as absent.
func onlyValues(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		write(w, invalid.problem("The query cannot be decoded."))
		return
	}
	for place, all := range map[string]map[string][]string{"query": query, "header": {
		"If-Match": r.Header["If-Match"], "Idempotency-Key": r.Header["Idempotency-Key"],
	}} {
		for name, values := range all {
			if slices.Contains(values, "") {
				write(w, invalid.problem("A parameter is empty.").at(place+"."+shortened(name), "is empty"))
				return
			}
		}
	}
	next(ctx)
}

type documentInput struct {
	IfNoneMatch string `header:"If-None-Match" doc:"The version that the caller has"`
}

type documentOutput struct {
	Status      int
	ContentType string `header:"Content-Type"`
	Control     string `header:"Cache-Control"`
	ETag        string `header:"ETag"`
	Body        []byte `contentType:"application/json"`
}

func (s *service) documentOperation(api huma.API) {
	sum := sha256.Sum256(document)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	op := operation("getDocument", http.MethodGet, "/v1/openapi.json", "This document", "The API, as OpenAPI 3.0.")
	op.Responses = map[string]*huma.Response{
		"200": {Description: "The document", Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}}}},
		"304": {Description: "The caller has it"},
	}
	register(api, op, func(_ context.Context, in *documentInput) (*documentOutput, error) {
		out := &documentOutput{Status: http.StatusOK, ContentType: "application/json", ETag: tag,
			Control: "private, max-age=300", Body: document}
		if in.IfNoneMatch == tag {
			out.Status, out.Body = http.StatusNotModified, nil
		}
		return out, nil
	})
}

// freeMembers says of objects with any members that these can also be null, which an empty schema of OpenAPI 3.0 leaves
// open.
func freeMembers(tree any) {
	switch v := tree.(type) {
	case map[string]any:
		for name, value := range v {
			if schema, ok := value.(map[string]any); ok && name == "additionalProperties" && len(schema) == 0 {
				v[name] = true
			}
			freeMembers(value)
		}
	case []any:
		for _, value := range v {
			freeMembers(value)
		}
	}
}

// encoded is the document as it is in the file, from the registered operations.
func encoded(api huma.API) ([]byte, error) {
	text, err := api.OpenAPI().Downgrade()
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	freeMembers(tree)
	text, err = json.MarshalIndent(tree, "", " ")
	return append(text, '\n'), err
}
