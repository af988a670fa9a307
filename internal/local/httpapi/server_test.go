package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/oidctest"
)

const functionARN = "arn:aws:lambda:us-east-1:123456789012:function:gh-api"

// gateway is a server whose function the test writes.
type gateway struct {
	*Server
	mu     sync.Mutex
	answer func(event []byte) ([]byte, error)
	asked  []events.APIGatewayV2HTTPRequest
	logged []runlog.Event
}

func start(t *testing.T, api *API, client *http.Client) *gateway {
	t.Helper()
	g := &gateway{answer: func([]byte) ([]byte, error) { return []byte(`{"statusCode":200,"body":"done"}`), nil }}
	var err error
	g.Server, err = Start(Options{
		Address: "127.0.0.1:0", Hosts: []string{"gateway.example"}, Client: client,
		Caller: events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{UserARN: "arn:aws:iam::1:user/dev"},
		Invoke: func(_ context.Context, arn string, event []byte) ([]byte, error) {
			if arn != functionARN {
				return nil, errors.New("unknown function " + arn)
			}
			var e events.APIGatewayV2HTTPRequest
			if err := json.Unmarshal(event, &e); err != nil {
				return nil, err
			}
			g.mu.Lock()
			g.asked = append(g.asked, e)
			answer := g.answer
			g.mu.Unlock()
			return answer(event)
		},
		Events: func(e runlog.Event) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.logged = append(g.logged, e)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close(context.Background()) })
	g.Set(api)
	return g
}

// plain is an API whose routes everybody may call.
func plain(keys ...string) *API {
	api := &API{ID: "abc", Stage: "$default", DomainName: "abc.execute-api.us-east-1.amazonaws.com"}
	for _, key := range keys {
		api.Routes = append(api.Routes, Route{Key: key, Authorization: Open, FunctionARN: functionARN, Timeout: time.Minute})
	}
	return api
}

// reply is a response without its body.
type reply struct {
	StatusCode int
	Header     http.Header
}

// do sends a request; target is everything after the host, sent as it is.
func (g *gateway) do(t *testing.T, method, target, body string, header map[string]string) (reply, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+g.Address(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if r.URL.Opaque = target; strings.HasPrefix(target, "//") { // which as an opaque URL would name a host
		r.URL.Opaque, r.URL.Path = "", target
	}
	for name, value := range header {
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header}, strings.TrimSpace(string(text))
}

func (g *gateway) last(t *testing.T) events.APIGatewayV2HTTPRequest {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.asked) == 0 {
		t.Fatal("the function was not called")
	}
	return g.asked[len(g.asked)-1]
}

func TestEvent(t *testing.T) {
	api := plain("POST /v1/devices/{device}/commands")
	api.Variables = map[string]string{"colour": "blue"}
	g := start(t, api, nil)
	r, err := http.NewRequestWithContext(t.Context(), "POST",
		"http://"+g.Address()+"/v1/devices/soil%2D001/commands?a=1&a=2&b=x%20y&empty", strings.NewReader(`{"on":true}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {"application/json; charset=utf-8"}, "X-Twice": {"one", "two"},
		"Cookie": {"a=1; b=2", "c=3"}, "User-Agent": {"test"}, "X-Forwarded-For": {"192.0.2.1"}, "Te": {"trailers"}}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	e := g.last(t)
	if e.Version != "2.0" || e.RouteKey != "POST /v1/devices/{device}/commands" ||
		e.RawPath != "/v1/devices/soil-001/commands" || e.RawQueryString != "a=1&a=2&b=x%20y&empty" {
		t.Errorf("got %+v", e)
	}
	if strings.Join(e.Cookies, "|") != "a=1|b=2|c=3" {
		t.Errorf("cookies %q", e.Cookies)
	}
	if e.Body != `{"on":true}` || e.IsBase64Encoded {
		t.Errorf("body %q, base64 %v", e.Body, e.IsBase64Encoded)
	}
	for name, want := range map[string]string{"x-twice": "one,two", "content-type": "application/json; charset=utf-8",
		"host": g.Address(), "x-forwarded-for": "192.0.2.1, 127.0.0.1", "content-length": "11", "cookie": "", "te": "",
		"X-Twice": ""} {
		if e.Headers[name] != want {
			t.Errorf("header %s: %q, want %q", name, e.Headers[name], want)
		}
	}
	if !maps.Equal(e.QueryStringParameters, map[string]string{"a": "1,2", "b": "x y", "empty": ""}) {
		t.Errorf("query %v", e.QueryStringParameters)
	}
	if e.PathParameters["device"] != "soil-001" || e.StageVariables["colour"] != "blue" {
		t.Errorf("path %v, stage %v", e.PathParameters, e.StageVariables)
	}
	c := e.RequestContext
	if c.AccountID != "123456789012" || c.APIID != "abc" || c.Stage != "$default" || c.HTTP.Method != "POST" ||
		c.HTTP.Path != e.RawPath || c.HTTP.SourceIP != "127.0.0.1" || c.HTTP.UserAgent != "test" ||
		c.HTTP.Protocol != "HTTP/1.1" || c.DomainPrefix != "abc" || c.DomainName != api.DomainName ||
		c.RequestID == "" || response.Header.Get("Apigw-Requestid") != c.RequestID || c.Authorizer != nil {
		t.Errorf("context %+v", c)
	}
	if at, err := time.Parse("02/Jan/2006:15:04:05 -0700", c.Time); err != nil || at.Unix() != c.TimeEpoch/1000 {
		t.Errorf("time %s and %d: %v", c.Time, c.TimeEpoch, err)
	}
}

func TestBodies(t *testing.T) {
	g := start(t, plain("POST /b"), nil)
	for _, c := range []struct {
		header map[string]string
		body   string
		want   string
		base64 bool
	}{
		{map[string]string{"Content-Type": "text/plain"}, "héllo", "héllo", false},
		{map[string]string{"Content-Type": "application/json"}, `{}`, `{}`, false},
		{map[string]string{"Content-Type": "application/octet-stream"}, "\x00\xff", "AP8=", true},
		{map[string]string{"Content-Type": "application/json", "Content-Encoding": "gzip"}, "\x1f\x8b", "H4s=", true},
		{map[string]string{"Content-Type": ""}, "x", "eA==", true},
		{map[string]string{"Content-Type": "application/octet-stream"}, "", "", false},
	} {
		g.do(t, "POST", "/b", c.body, c.header)
		if e := g.last(t); e.Body != c.want || e.IsBase64Encoded != c.base64 {
			t.Errorf("%v: %q, %v; want %q, %v", c.header, e.Body, e.IsBase64Encoded, c.want, c.base64)
		}
	}
}

func TestRoutes(t *testing.T) {
	keys := []string{"GET /v1/devices", "GET /v1/devices/{device}", "GET /v1/devices/first", "ANY /v1/devices/{device}",
		"ANY /files/{path+}", "GET /files/{path+}", "GET /files/{name}"}
	for _, c := range []struct{ method, target, want, values string }{
		{"GET", "/v1/devices", "GET /v1/devices", ""},
		{"GET", "/v1/devices?x=1", "GET /v1/devices", ""},
		{"GET", "/v1/devices/soil", "GET /v1/devices/{device}", "device=soil"},
		{"GET", "/v1/devices/first", "GET /v1/devices/first", ""},
		{"PUT", "/v1/devices/first", "ANY /v1/devices/{device}", "device=first"},
		{"GET", "/files/a", "GET /files/{name}", "name=a"},
		{"GET", "/files/a/b", "GET /files/{path+}", "path=a/b"},
		{"PUT", "/files/a/b", "ANY /files/{path+}", "path=a/b"},
		{"GET", "/files/a%2Fb", "GET /files/{path+}", "path=a/b"}, // decoded before it is compared
		{"GET", "/v1/devices/a%252Fb", "GET /v1/devices/{device}", "device=a%2Fb"},
		{"GET", "/v1/devices/..", "GET /v1/devices/{device}", "device=.."}, // not resolved
		{"GET", "/v1/devices/a%3Fb", "GET /v1/devices/{device}", "device=a"},
		{"GET", "/v1/devices/%C3%BC", "GET /v1/devices/{device}", "device=ü"},
		{"POST", "/v1/devices", "", ""},
		{"GET", "/v1/devices/", "", ""},
		{"GET", "/v1/devices/a/b", "", ""},
		{"GET", "/v1/devices/a%2Fb", "", ""},
		{"GET", "//v1/devices", "", ""},
		{"GET", "/V1/devices", "", ""},
		{"GET", "/", "", ""},
		{"GET", "/files/", "", ""},
		{"OPTIONS", "/v1/devices", "", ""},
	} {
		g := start(t, plain(keys...), nil)
		response, body := g.do(t, c.method, c.target, "", nil)
		if c.want == "" {
			if response.StatusCode != 404 || body != `{"message":"Not Found"}` || len(g.asked) > 0 {
				t.Errorf("%s %s: %d %s", c.method, c.target, response.StatusCode, body)
			}
			continue
		}
		e, values := g.last(t), ""
		for name, value := range e.PathParameters {
			values += name + "=" + value
		}
		if e.RouteKey != c.want || values != c.values {
			t.Errorf("%s %s: route %q with %q, want %q with %q", c.method, c.target, e.RouteKey, values, c.want, c.values)
		}
	}
	g := start(t, plain("$default", "GET /a"), nil)
	if g.do(t, "PUT", "/any/thing", "", nil); g.last(t).RouteKey != "$default" {
		t.Errorf("got route %q", g.last(t).RouteKey)
	}
	if g.do(t, "GET", "/a", "", nil); g.last(t).RouteKey != "GET /a" {
		t.Errorf("got route %q", g.last(t).RouteKey)
	}
	g.Set(nil)
	if response, _ := g.do(t, "GET", "/a", "", nil); response.StatusCode != 404 {
		t.Errorf("without an API: %d", response.StatusCode)
	}
}

func TestAnswers(t *testing.T) {
	g := start(t, plain("GET /"), nil)
	for _, c := range []struct {
		answer string
		err    error
		status int
		header string
		value  string
		body   string
	}{
		{`{"statusCode":201,"headers":{"content-type":"application/json","x-n":7},"body":"{}"}`, nil, 201, "X-N", "7", "{}"},
		{`{"statusCode":204}`, nil, 204, "Content-Type", "text/plain;charset=UTF-8", ""},
		{`{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`, nil, 200, "", "", "hi"},
		{`{"statusCode":200,"cookies":["a=1; Secure","b=2"]}`, nil, 200, "Set-Cookie", "a=1; Secure|b=2", ""},
		{`{"statusCode":200,"headers":{"Content-Length":"99","Transfer-Encoding":"x"},"body":"hi"}`, nil, 200, "", "", "hi"},
		{`{"hello":"world"}`, nil, 200, "Content-Type", "application/json", `{"hello":"world"}`},
		{`"hello"`, nil, 200, "Content-Type", "application/json", `hello`},
		{`[1]`, nil, 200, "", "", `[1]`},
		{`{"statusCode":"many"}`, nil, 500, "", "", `{"message":"Internal Server Error"}`},
		{`{"statusCode":42}`, nil, 500, "", "", `{"message":"Internal Server Error"}`},
		{`{"statusCode":200,"body":{"a":1}}`, nil, 500, "", "", `{"message":"Internal Server Error"}`},
		{`{"statusCode":200,"headers":{"a":["b"]}}`, nil, 500, "", "", `{"message":"Internal Server Error"}`},
		{`{"statusCode":200,"body":"%%","isBase64Encoded":true}`, nil, 500, "", "", `{"message":"Internal Server Error"}`},
		{`no JSON`, nil, 500, "", "", `{"message":"Internal Server Error"}`},
		{``, errors.New("secret reason"), 500, "", "", `{"message":"Internal Server Error"}`},
	} {
		g.mu.Lock()
		g.answer = func([]byte) ([]byte, error) { return []byte(c.answer), c.err }
		g.mu.Unlock()
		response, body := g.do(t, "GET", "/", "", nil)
		if response.StatusCode != c.status || body != c.body {
			t.Errorf("%s: %d %s, want %d %s", c.answer, response.StatusCode, body, c.status, c.body)
		}
		if got := strings.Join(response.Header[c.header], "|"); c.header != "" && got != c.value {
			t.Errorf("%s: %s %q, want %q", c.answer, c.header, got, c.value)
		}
	}
}

func TestLimits(t *testing.T) {
	api := plain("GET /slow", "POST /big", "GET /often")
	api.Routes[0].Timeout = 10 * time.Millisecond
	api.Routes[2].Rate, api.Routes[2].Burst = 0.001, 2
	g := start(t, api, nil)
	finish := make(chan struct{})
	finished := make(chan struct{})
	g.answer = func([]byte) ([]byte, error) {
		<-finish
		close(finished)
		return []byte(`{}`), nil
	}
	if response, body := g.do(t, "GET", "/slow", "", nil); response.StatusCode != 503 ||
		body != `{"message":"Service Unavailable"}` {
		t.Errorf("a slow function: %d %s", response.StatusCode, body)
	}
	close(finish)
	<-finished // it ran to its end
	g.mu.Lock()
	g.answer = func([]byte) ([]byte, error) { return []byte(`{}`), nil }
	g.mu.Unlock()
	for size, want := range map[int]int{5 << 20: 200, 6 << 20: 413, 10<<20 + 1: 413} {
		header := map[string]string{"Content-Type": "text/plain"}
		if response, body := g.do(t, "POST", "/big", strings.Repeat("x", size), header); response.StatusCode != want {
			t.Errorf("a body of %d bytes: %d %s, want %d", size, response.StatusCode, body, want)
		}
	}
	var got []int
	for range 3 {
		response, body := g.do(t, "GET", "/often", "", nil)
		if got = append(got, response.StatusCode); response.StatusCode == 429 && body != `{"message":"Too Many Requests"}` {
			t.Errorf("got %s", body)
		}
	}
	g.Set(api) // a refresh without a change forgets nothing
	if response, _ := g.do(t, "GET", "/often", "", nil); response.StatusCode != 429 || got[0] != 200 || got[1] != 200 ||
		got[2] != 429 {
		t.Errorf("throttled: %v, then %d", got, response.StatusCode)
	}
}

func TestCORS(t *testing.T) {
	const page = "https://app.example"
	preflight := map[string]string{"Origin": page, "Access-Control-Request-Method": "PUT"}
	api := plain("GET /x")
	g := start(t, api, nil)
	if response, _ := g.do(t, "OPTIONS", "/x", "", preflight); response.StatusCode != 404 {
		t.Errorf("without CORS: %d", response.StatusCode)
	}
	api.CORS = &CORS{Origins: []string{page, "http://*"}, Methods: []string{"GET", "PUT"}, Headers: []string{"authorization"},
		Exposed: []string{"etag"}, MaxAge: 300}
	response, _ := g.do(t, "OPTIONS", "/no/such/route", "", preflight)
	if response.StatusCode != 204 {
		t.Errorf("preflight: %d", response.StatusCode)
	}
	for name, want := range map[string]string{"Origin": page, "Methods": "GET,PUT", "Headers": "authorization"} {
		if got := response.Header.Get("Access-Control-Allow-" + name); got != want {
			t.Errorf("Access-Control-Allow-%s: %q, want %q", name, got, want)
		}
	}
	if response.Header.Get("Access-Control-Max-Age") != "300" {
		t.Errorf("got %v", response.Header)
	}
	preflight["Origin"] = "https://app.example.evil"
	if response, _ = g.do(t, "OPTIONS", "/x", "", preflight); response.Header.Get("Access-Control-Allow-Origin") != "" ||
		response.Header.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("a foreign origin: %v", response.Header)
	}
	g.mu.Lock()
	g.answer = func([]byte) ([]byte, error) {
		return []byte(`{"statusCode":200,"headers":{"access-control-allow-origin":"*","etag":"1"}}`), nil
	}
	g.mu.Unlock()
	for origin, want := range map[string]string{page: page, "http://localhost:5173": "http://localhost:5173",
		"https://evil.example": "", "": ""} {
		header := map[string]string{}
		if origin != "" {
			header["Origin"] = origin
		}
		response, _ := g.do(t, "GET", "/x", "", header)
		if got := response.Header.Get("Access-Control-Allow-Origin"); got != want || response.StatusCode != 200 {
			t.Errorf("origin %q: %d, allowed %q, want %q", origin, response.StatusCode, got, want)
		}
	}
	if response, _ = g.do(t, "GET", "/nowhere", "", map[string]string{"Origin": page}); response.StatusCode != 404 ||
		response.Header.Get("Access-Control-Allow-Origin") != page {
		t.Errorf("a page must be able to read a 404: %d %v", response.StatusCode, response.Header)
	}
	api.CORS.Origins = []string{"*"}
	if response, _ = g.do(t, "GET", "/x", "", map[string]string{"Origin": page}); response.Header.Get(
		"Access-Control-Allow-Origin") != "*" {
		t.Errorf("every origin: %v", response.Header)
	}
}

func TestAuthorization(t *testing.T) {
	i := oidctest.Start(t)
	api := plain("GET /iam", "GET /jwt")
	api.Routes[0].Authorization = IAM
	api.Routes[1].Authorization, api.Routes[1].Issuer = JWT, i.URL
	api.Routes[1].Audiences, api.Routes[1].Scopes = []string{"app"}, []string{"devices/read"}
	g := start(t, api, i.Client())
	for _, c := range []struct {
		path   string
		header map[string]string
		status int
		body   string
	}{
		{"/iam", nil, 200, "done"},
		{"/iam", map[string]string{"Origin": "https://evil.example"}, 403, `{"message":"Forbidden"}`},
		{"/iam", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, `{"message":"Forbidden"}`},
		{"/iam", map[string]string{"Sec-Fetch-Site": "none"}, 200, "done"},
		{"/iam", map[string]string{"Host": "evil.example"}, 403, `{"message":"Forbidden"}`},
		{"/iam", map[string]string{"Host": "Gateway.example:8080"}, 200, "done"},
		{"/iam", map[string]string{"Host": "localhost"}, 200, "done"},
		{"/jwt", nil, 401, `{"message":"Unauthorized"}`},
		{"/jwt", map[string]string{"Authorization": "Bearer " + i.Token(t, nil)}, 200, "done"},
		{"/jwt", map[string]string{"Authorization": "Bearer " + i.Token(t, map[string]any{"scope": "x"})}, 403,
			`{"message":"Forbidden"}`},
	} {
		response, body := g.do(t, "GET", c.path, "", c.header)
		if response.StatusCode != c.status || body != c.body {
			t.Errorf("%s with %v: %d %s, want %d %s", c.path, c.header, response.StatusCode, body, c.status, c.body)
		}
		if c.path == "/jwt" && c.status != 200 && !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s with %v: no WWW-Authenticate", c.path, c.header)
		}
	}
	g.do(t, "GET", "/iam", "", nil)
	if who := g.last(t).RequestContext.Authorizer; who == nil || who.IAM == nil || who.JWT != nil ||
		who.IAM.UserARN != "arn:aws:iam::1:user/dev" {
		t.Errorf("caller %+v", who)
	}
	g.do(t, "GET", "/jwt", "", map[string]string{"Authorization": i.Token(t, nil)})
	if who := g.last(t).RequestContext.Authorizer; who == nil || who.JWT == nil || who.IAM != nil ||
		who.JWT.Claims["sub"] != "u-1" || strings.Join(who.JWT.Scopes, " ") != "devices/read profile" {
		t.Errorf("caller %+v", who)
	}
}
