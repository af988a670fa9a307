package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// notForwarded are the headers that concern one connection only, and Cookie, which has a member of its own.
var notForwarded = []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Cookie"}

// call is one request on its way through the API.
type call struct {
	api   *API
	route *Route
	id    string            // of the request
	path  string            // decoded
	in    map[string]string // variables of the path
	body  []byte
	who   *events.APIGatewayV2HTTPRequestContextAuthorizerDescription // nil on an open route
	at    time.Time
}

// decodedPath returns the path as API Gateway hands it on: decoded once, and cut at a question mark that this brings to
// light.
func decodedPath(u *url.URL) string {
	path, _, _ := strings.Cut(u.Path, "?")
	return path
}

// event returns the request in payload format 2.0. [AWS HTTP API Lambda integrations]
func (c *call) event(r *http.Request) ([]byte, error) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	e := events.APIGatewayV2HTTPRequest{
		Version:               "2.0",
		RouteKey:              c.route.Key,
		RawPath:               c.path,
		RawQueryString:        r.URL.RawQuery,
		Cookies:               cookies(r),
		Headers:               headers(r, c.id, host),
		QueryStringParameters: query(r),
		PathParameters:        c.in,
		StageVariables:        c.api.Variables,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey:     c.route.Key,
			AccountID:    account(c.route.FunctionARN),
			Stage:        c.api.Stage,
			RequestID:    c.id,
			Authorizer:   c.who,
			APIID:        c.api.ID,
			DomainName:   c.api.DomainName,
			DomainPrefix: c.api.ID,
			Time:         c.at.UTC().Format("02/Jan/2006:15:04:05 -0700"),
			TimeEpoch:    c.at.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method:    r.Method,
				Path:      c.path,
				Protocol:  r.Proto,
				SourceIP:  host,
				UserAgent: r.UserAgent(),
			},
		},
	}
	if e.Body = string(c.body); len(c.body) > 0 && !isText(r.Header) {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(c.body), true
	}
	return json.Marshal(e)
}

// account is the account in an ARN.
func account(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 4 {
		return parts[4]
	}
	return ""
}

// cookies splits the Cookie headers.
func cookies(r *http.Request) []string {
	var all []string
	for _, line := range r.Header["Cookie"] {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				all = append(all, cookie)
			}
		}
	}
	return all
}

// headers returns the headers with names in small letters, the values of a repeated one joined, and what API Gateway
// adds.
func headers(r *http.Request, id, from string) map[string]string {
	all := map[string]string{}
	for name, values := range r.Header {
		if !slices.Contains(notForwarded, name) {
			all[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	all["host"] = r.Host
	if before := all["x-forwarded-for"]; before != "" {
		from = before + ", " + from
	}
	all["x-forwarded-for"] = from
	all["x-forwarded-proto"] = "http"
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		all["x-forwarded-port"] = port
	}
	all["x-amzn-trace-id"] = "Root=" + id
	all["content-length"] = fmt.Sprint(max(0, r.ContentLength))
	return all
}

// query joins the values of repeated parameters. It leaves out what cannot be decoded.
func query(r *http.Request) map[string]string {
	values := r.URL.Query()
	if len(values) == 0 {
		return nil
	}
	all := make(map[string]string, len(values))
	for name, list := range values {
		all[name] = strings.Join(list, ",")
	}
	return all
}

// isText reports whether a body goes into the event as it is: text, JSON, XML and JavaScript do.
func isText(h http.Header) bool {
	if h.Get("Content-Encoding") != "" {
		return false
	}
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return false
	}
	switch kind {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(kind, "text/")
}
