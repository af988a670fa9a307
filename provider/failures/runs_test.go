package failures

import (
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// runs are runs that end before they are done, or do not begin.
func runs() []failure {
	return []failure{
		{name: "interrupted", why: "somebody presses Ctrl-C, or a CI job is canceled",
			run: func(a *account, text string) diagnostics {
				ctx, cancel := context.WithCancel(a.t.Context())
				defer cancel()
				a.wire.replaced = func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
					if operation(r, "PutParameter") { // the manifest, before everything else
						cancel()
					}
					return next.RoundTrip(r)
				}
				_, found := a.apply(ctx, state{}, text)
				return found
			}},
		{name: "out-of-time", why: "AWS takes longer than timeouts allow",
			run: func(a *account, text string) diagnostics {
				a.wire.replaced = func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
					if operation(r, "PutParameter") { // the manifest, before everything else
						<-r.Context().Done()
						return nil, r.Context().Err()
					}
					return next.RoundTrip(r)
				}
				return a.create(text + `timeouts = { create = "5s" }`)
			}},
		{name: "never-ready", why: "a new function stays pending",
			run: func(a *account, text string) diagnostics {
				a.wire.replaced = func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
					return replacing(r, next, `"State": "Active"`, `"State": "Pending"`)
				}
				return a.create(text)
			}},
		{name: "holds-data", why: "an archive is worth more than its pipeline",
			run: func(a *account, text string) diagnostics {
				made := a.created(text)
				a.PutObject(a.t, bucket, "archive/one.json")
				return a.destroy(made)
			}},
		{name: "data-unknown", why: "credentials for a destroy may not list the archive",
			run: destroyed(mototest.Fault{Service: "s3", Operation: "ListBucketVersions", Code: "AccessDenied",
				Message: "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: " +
					"s3:ListBucketVersions on resource: \"arn:aws:s3:::" + bucket + "\" because no identity-based " +
					"policy allows the s3:ListBucketVersions action"})},
		{name: "other-account", why: "the shell still has the credentials of another account",
			run: func(a *account, text string) diagnostics {
				made := a.created(text)
				clients := a.Impatient(a.t, a.wire).WithAccount("210987654321")
				return connectedTo(a.t, clients).refresh(made)
			}},
		{name: "import-absent", why: "an import names the wrong region",
			run: func(a *account, _ string) diagnostics { return a.importName("greenhouse@eu-west-1") }},
	}
}

// networks are requests that do not reach AWS, once the provider is connected.
func networks() []failure {
	broken := func(err error) func(*account, string) diagnostics {
		return func(a *account, text string) diagnostics {
			a.wire.replaced = func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				if operation(r, "CreateStream") {
					return nil, err
				}
				return next.RoundTrip(r)
			}
			return a.create(text)
		}
	}
	return []failure{
		{name: "no-such-host", why: "the region does not have the service",
			run: broken(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host",
				Name: "kinesis.eu-nowhere-1.amazonaws.com", IsNotFound: true}})},
		{name: "tls-proxy", why: "companies read TLS traffic", run: broken(x509.UnknownAuthorityError{})},
		{name: "broken-connection", why: "networks fail", run: broken(&net.OpError{Op: "read", Net: "tcp",
			Err: io.ErrUnexpectedEOF})},
		{name: "region-without-iot", why: "AWS IoT is not in every region",
			run: func(a *account, text string) diagnostics {
				a.wire.replaced = func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
					if r.URL.Path == "/endpoint" {
						return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host",
							Name: "iot.eu-south-2.amazonaws.com", IsNotFound: true}}
					}
					return next.RoundTrip(r)
				}
				return a.create(text)
			}},
	}
}

// operation reports whether a request is for an operation of a service whose protocol names it.
func operation(r *http.Request, name string) bool {
	target := r.Header.Get("X-Amz-Target")
	return strings.HasSuffix(target, "."+name) || strings.HasSuffix(r.URL.Path, "/operation/"+name)
}

// replacing passes a request on, and replaces a text of the answer.
func replacing(r *http.Request, next http.RoundTripper, old, now string) (*http.Response, error) {
	answer, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	text = bytes.ReplaceAll(text, []byte(old), []byte(now))
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return answer, answer.Body.Close()
}
