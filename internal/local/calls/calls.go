// Package calls lets an observer see the AWS calls of hosted functions: it stands between the functions and an
// AWS-compatible endpoint and passes every request on unchanged.
//
// It knows how AWS's protocols name operations and resources, and nothing of pipelines. It is for emulators: AWS itself
// refuses a request that was signed for another host.
package calls

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/loopback"
)

// A Call is one request of a function, and how it ended.
type Call struct {
	Function  string
	Service   string // as in a signature: "dynamodb"
	Operation string // "UpdateItem"; for S3 the method, "PUT"
	Resource  string // the name of the table, queue, topic, bucket, …; "" if the request names none
	Items     int    // records, items or entries in the request; at least 1
	Status    int    // of the answer; 502 if there is none
	Began     time.Time
	Duration  time.Duration
	Request   []byte // the body
}

// A Server passes requests on until it is closed.
type Server struct {
	server *loopback.Server
}

// Start starts a server in front of the endpoint. Observe is called after each request, from many goroutines.
func Start(endpoint string, observe func(Call)) (*Server, error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("observing the functions' calls: endpoint %q: %w", endpoint, err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			if status, ok := r.Request.Context().Value(statusKey{}).(*int); ok {
				*status = r.StatusCode
			}
			return nil
		},
	}
	server, err := loopback.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, proxy, observe)
	}))
	if err != nil {
		return nil, fmt.Errorf("observing the functions' calls: %w", err)
	}
	return &Server{server}, nil
}

// statusKey is where a request's context has the place for the status of its answer.
type statusKey struct{}

// URL is the endpoint for a function.
func (s *Server) URL(function string) string { return s.server.URL() + "/" + url.PathEscape(function) }

// Close drops the requests in progress. A nil Server has none.
func (s *Server) Close() {
	if s != nil {
		s.server.Close()
	}
}

func serve(w http.ResponseWriter, r *http.Request, proxy http.Handler, observe func(Call)) {
	function, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the function has gone
	}
	c := describe(r, body)
	c.Function, c.Request, c.Began, c.Status = function, body, time.Now(), http.StatusBadGateway
	r.Body = io.NopCloser(bytes.NewReader(body))
	inner := http.StripPrefix("/"+url.PathEscape(function), proxy)
	inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), statusKey{}, &c.Status)))
	c.Duration = time.Since(c.Began)
	observe(c)
}

// describe reads what is called from the three protocols that AWS's services have.
func describe(r *http.Request, body []byte) Call {
	c := Call{Items: 1, Operation: r.Method}
	// Credential=<key>/<day>/<region>/<service>/aws4_request
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		scope, _, _ := strings.Cut(rest, ",")
		if parts := strings.Split(scope, "/"); len(parts) == 5 {
			c.Service = parts[3]
		}
	}
	target := r.Header.Get("X-Amz-Target")
	switch {
	case target != "":
		c.Operation = target[strings.LastIndexByte(target, '.')+1:]
		c.Resource, c.Items = inJSON(body)
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		if form, err := url.ParseQuery(string(body)); err == nil {
			c.Operation = form.Get("Action")
			c.Resource = short(form.Get("TopicArn") + form.Get("QueueUrl"))
		}
	default: // S3: /<function>/<bucket>/<key>
		if parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 3); len(parts) > 1 {
			c.Resource = parts[1]
		}
	}
	return c
}

// short is the last part of an ARN or a URL.
func short(name string) string { return path.Base(name[strings.LastIndexByte(name, ':')+1:]) }

// inJSON finds the resource in the body of a JSON protocol, and how many things it is about.
func inJSON(body []byte) (resource string, items int) {
	var in struct {
		TableName, DatabaseName, QueueURL, StreamName, StreamARN, DeliveryStreamName, SecretID string

		Records, Entries []json.RawMessage
		RequestItems     map[string][]json.RawMessage
	}
	if json.Unmarshal(body, &in) != nil {
		return "", 1
	}
	items = len(in.Records) + len(in.Entries)
	tables := make([]string, 0, len(in.RequestItems))
	for name, requests := range in.RequestItems {
		tables, items = append(tables, name), items+len(requests)
	}
	slices.Sort(tables)
	switch {
	case in.DatabaseName != "" && in.TableName != "":
		resource = in.DatabaseName + "." + in.TableName
	case len(tables) > 0:
		resource = strings.Join(tables, ", ")
	default:
		for _, name := range []string{in.TableName, in.QueueURL, in.StreamName, in.StreamARN, in.DeliveryStreamName,
			in.SecretID} {
			if name != "" {
				resource = short(name)
				break
			}
		}
	}
	return resource, max(1, items)
}
