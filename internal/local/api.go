package local

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/httpapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// issuerTimeout limits a request to a server whose tokens the API takes.
const issuerTimeout = 10 * time.Second

// serve starts the HTTP server, if one is wanted. Whoever calls a route for callers of IAM is the account's own user.
func (r *Runtime) serve(ctx context.Context, who *sts.GetCallerIdentityOutput) error {
	if r.options.HTTPAddr == "" {
		return nil
	}
	key, err := r.options.Config.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: issuerTimeout,
		TLSClientConfig: &tls.Config{RootCAs: r.options.Issuers, MinVersion: tls.VersionTLS12}}
	r.http, err = httpapi.Start(httpapi.Options{
		Address: r.options.HTTPAddr,
		Hosts:   r.options.Hosts,
		Caller: events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{
			AccessKey: key.AccessKeyID, AccountID: aws.ToString(who.Account), CallerID: aws.ToString(who.UserId),
			UserARN: aws.ToString(who.Arn), UserID: aws.ToString(who.UserId),
		},
		Client: &http.Client{Transport: transport, Timeout: issuerTimeout},
		Invoke: r.call,
		Events: r.options.Events,
	})
	return err
}

// HTTPAddr is where the device management API is served, as host:port; "" if it is not.
func (r *Runtime) HTTPAddr() string {
	if r.http == nil {
		return ""
	}
	return r.http.Address()
}

// discoverAPI reads a pipeline's HTTP API. What cannot be played is reported; if it was served before, that goes on.
func (r *Runtime) discoverAPI(ctx context.Context, m *Manifest) (*httpapi.API, error) {
	if r.http == nil {
		return nil, nil
	}
	gateway := apigatewayv2.NewFromConfig(r.options.Config)
	id, err := httpapi.Find(ctx, gateway, spec.OwnerTag, m.ID)
	if err != nil || id == "" {
		return nil, err
	}
	api, err := httpapi.Describe(ctx, gateway, id)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r.report("HTTP API of "+m.Name, err)
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.current.apis[m.Name], nil
	}
	return api, nil
}

// applyAPI replaces what is served.
func (r *Runtime) applyAPI(before, d *deployment) {
	if r.http == nil {
		return
	}
	if r.options.All {
		r.http.SetAll(d.apis)
	} else {
		r.http.Set(d.apis[r.options.Pipeline])
	}
	for name, old := range before.apis {
		if d.apis[name] == nil {
			r.options.Events.Send(runlog.Event{Kind: runlog.Changed, Action: old.Name, Detail: "HTTP API removed"})
		}
	}
	for name, api := range d.apis {
		if !sameJSON(before.apis[name], api) {
			r.announceAPI(name, api)
		}
	}
}

// APIs are the URLs of the HTTP APIs that are served, in order.
func (r *Runtime) APIs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, name := range slices.Sorted(maps.Keys(r.current.apis)) {
		all = append(all, r.apiURL(name))
	}
	return all
}

// apiURL is where the HTTP API of a pipeline is served.
func (r *Runtime) apiURL(pipeline string) string {
	if r.options.All {
		return "http://" + r.http.Address() + "/" + pipeline
	}
	return "http://" + r.http.Address()
}

func (r *Runtime) announceAPI(pipeline string, api *httpapi.API) {
	r.options.Events.Send(runlog.Event{Kind: runlog.Changed, Action: api.Name,
		Detail: fmt.Sprintf("HTTP API with %d routes", len(api.Routes))})
	if slices.ContainsFunc(api.Routes, func(r httpapi.Route) bool { return r.Authorization == httpapi.IAM }) {
		r.options.Events.Send(runlog.Event{Kind: runlog.Warned, Detail: "IAM signatures are not evaluated: " +
			"whoever can reach " + r.apiURL(pipeline) + " may do everything that the API can"})
	}
}

// stopServing refuses new requests, and drops those in progress when the context ends.
func (r *Runtime) stopServing(ctx context.Context) {
	if r.http != nil {
		r.http.Close(ctx)
	}
}

// describeAPI ends the line that says what runs, and warns of what is surprising.
func (r *Runtime) describeAPI() string {
	if r.http == nil {
		switch n := len(r.current.withAPI); {
		case n == 0:
			return ""
		case r.options.All:
			return fmt.Sprintf("; HTTP APIs of %d pipelines are not served (start with --http 127.0.0.1:8080)", n)
		}
		return "; its HTTP API is not served (start with --http 127.0.0.1:8080)"
	}
	if !r.http.Loopback() {
		r.options.Events.Send(runlog.Event{Kind: runlog.Warned, Detail: "HTTP on " + r.http.Address() +
			": other machines can reach it, and what they send is not encrypted"})
	}
	if len(r.current.apis) == 0 && !r.options.All {
		r.options.Events.Send(runlog.Event{Kind: runlog.Warned, Detail: "the pipeline has no HTTP API yet: every " +
			"request gets 404 until api = {} is applied"})
	}
	if !r.options.All {
		return "; HTTP on http://" + r.http.Address()
	}
	text := ""
	for _, name := range r.current.withAPI {
		text += "; HTTP of " + name + " on " + r.apiURL(name)
	}
	return text
}
