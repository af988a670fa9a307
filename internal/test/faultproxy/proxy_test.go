package faultproxy

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
)

// TestErrorsAreReadBySDK asks that each protocol's client understands the proxy's errors as AWS's.
func TestErrorsAreReadBySDK(t *testing.T) {
	var reached atomic.Int32
	upstream := httptest.NewServer(
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reached.Add(1); w.WriteHeader(http.StatusOK) }),
	)
	t.Cleanup(upstream.Close)
	p := Start(t, upstream.URL)
	cfg := aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(p.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
	ctx := t.Context()

	calls := []struct {
		service, name string
		write         bool
		call          func() error
	}{
		{"iot", "POST /things/a", true, func() error {
			_, err := iot.NewFromConfig(cfg).CreateThing(ctx, &iot.CreateThingInput{ThingName: aws.String("a")})
			return err
		}},
		{"ssm", "GetParameter", false, func() error {
			_, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("a")})
			return err
		}},
		{"iam", "GetRole", false, func() error {
			_, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("a")})
			return err
		}},
		{"s3", "PUT /b", true, func() error {
			_, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).
				CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("b")})
			return err
		}},
	}
	for _, tt := range calls {
		t.Run(tt.service, func(t *testing.T) {
			p.Clear()
			p.Inject(Fault{Kind: Throttle, Match: Nth(1)})
			var api smithy.APIError
			if err := tt.call(); !errors.As(err, &api) || api.ErrorCode() != "ThrottlingException" {
				t.Fatalf("got %v, want a ThrottlingException", err)
			}
			if r := p.Requests()[0]; r.Service != tt.service || r.Name != tt.name || r.Write != tt.write {
				t.Errorf("seen as %+v, want %s %s, write %v", r, tt.service, tt.name, tt.write)
			}
		})
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d refused requests reached the service", n)
	}
}

func TestDrops(t *testing.T) {
	for _, tt := range []struct {
		kind    Kind
		reached int32
		why     string
	}{
		{DropBefore, 0, "the request must not take effect"},
		{DropAfter, 1, "the request must take effect and its answer be lost"},
	} {
		t.Run(tt.kind.String(), func(t *testing.T) {
			var reached atomic.Int32
			upstream := httptest.NewServer(
				http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }),
			)
			t.Cleanup(upstream.Close)
			p := Start(t, upstream.URL)
			f := p.Inject(Fault{Kind: tt.kind, Match: Nth(1), Times: 1})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := http.DefaultClient.Do(req); err == nil {
				resp.Body.Close()
				t.Error("got an answer")
			}
			if got := reached.Load(); got != tt.reached || p.Hits(f) != 1 {
				t.Errorf("service reached %d times, fault met %d times: %s", got, p.Hits(f), tt.why)
			}
		})
	}
}

func TestRewrite(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Crc32", "1")
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, `{"status":"ACTIVE"}`)
	}))
	t.Cleanup(upstream.Close)
	p := Start(t, upstream.URL)
	p.Inject(Fault{
		Kind:    Rewrite,
		Match:   Nth(1),
		Rewrite: func(body string) string { return strings.ReplaceAll(body, "ACTIVE", "CREATING") },
	})
	for _, want := range []string{`{"status":"CREATING"}`, `{"status":"ACTIVE"}`} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != want || resp.StatusCode != http.StatusAccepted {
			t.Errorf("got %s %q, %v; want %q", resp.Status, body, err, want)
		}
	}
}
