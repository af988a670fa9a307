package httpapi

import (
	"strings"
	"time"
)

// API is an HTTP API as deployed.
type API struct {
	ID, Name   string
	DomainName string // of its endpoint
	Stage      string
	Variables  map[string]string // of the stage
	CORS       *CORS             // nil: the function answers such requests
	Routes     []Route
}

// CORS is what the API tells browsers. [AWS HTTP API CORS]
type CORS struct {
	Origins, Methods, Headers, Exposed []string
	MaxAge                             int32 // seconds
	Credentials                        bool
}

// Authorization says who may call a route.
type Authorization string

// The kinds of authorization that are played.
const (
	Open Authorization = "NONE"
	IAM  Authorization = "AWS_IAM"
	JWT  Authorization = "JWT"
)

// Route sends requests to a function.
type Route struct {
	Key           string // "GET /v1/devices/{device}", "ANY /{path+}" or "$default"
	Authorization Authorization
	Issuer        string   // of tokens
	Audiences     []string // of tokens
	Scopes        []string // a token needs one of them; empty: any token will do
	FunctionARN   string
	Timeout       time.Duration
	Rate          float64 // requests per second; 0: unlimited
	Burst         int
}

// defaultRoute is the key of the route for requests that match no other.
const defaultRoute = "$default"

// match finds the route of a request, and the values of the variables in its path. Like API Gateway, it decodes the
// path first, so an encoded slash separates segments. A route with the method wins over ANY, a fixed segment over a
// variable, and a variable over a greedy one.
func (a *API) match(method, path string) (*Route, map[string]string) {
	var found *Route
	var values map[string]string
	best := ""
	for i := range a.Routes {
		r := &a.Routes[i]
		v, rank, ok := r.match(method, path)
		if ok && (found == nil || rank > best) {
			found, values, best = r, v, rank
		}
	}
	return found, values
}

// match compares one route. The rank orders the routes that match: the greater text is the more specific route.
func (r *Route) match(method, path string) (values map[string]string, rank string, ok bool) {
	if r.Key == defaultRoute {
		return nil, "", true
	}
	wanted, pattern, _ := strings.Cut(r.Key, " ")
	if wanted != "ANY" && wanted != method {
		return nil, "", false
	}
	own := "0" // as the last part of the rank: whether the method is the route's own
	if wanted == method {
		own = "1"
	}
	segments, parts := strings.Split(pattern, "/"), strings.Split(path, "/")
	values = map[string]string{}
	for i, segment := range segments {
		name, variable := strings.CutPrefix(segment, "{")
		name = strings.TrimSuffix(name, "}")
		greedy := strings.HasSuffix(name, "+")
		switch {
		case i >= len(parts), variable && parts[i] == "", !variable && segment != parts[i]:
			return nil, "", false
		case greedy:
			values[strings.TrimSuffix(name, "+")] = strings.Join(parts[i:], "/")
			return values, rank + "1" + own, true
		case variable:
			values[name] = parts[i]
			rank += "2"
		default:
			rank += "3"
		}
	}
	if len(segments) != len(parts) {
		return nil, "", false
	}
	return values, rank + own, true
}
