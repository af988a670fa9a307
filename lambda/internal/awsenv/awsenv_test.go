package awsenv

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
)

func environ(more ...string) func(string) string {
	env := map[string]string{"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
	for i := 0; i < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	return func(name string) string { return env[name] }
}

func TestEndpoints(t *testing.T) {
	for _, c := range []struct {
		why                  string
		more                 []string
		timestream, dynamodb string // base endpoints; "" for AWS's own
		discovery            aws.EndpointDiscoveryEnableState
	}{
		{"in Lambda", nil, "", "", aws.EndpointDiscoveryAuto},
		{"all services local", []string{"AWS_ENDPOINT_URL", "http://local"}, "http://local", "http://local",
			aws.EndpointDiscoveryAuto},
		{"one service local", []string{"AWS_ENDPOINT_URL_TIMESTREAM_WRITE", "http://ts"}, "http://ts", "",
			aws.EndpointDiscoveryAuto},
		{"one elsewhere than all", []string{"AWS_ENDPOINT_URL", "http://local", "AWS_ENDPOINT_URL_DYNAMODB",
			"http://db"}, "http://local", "http://db", aws.EndpointDiscoveryAuto},
		{"endpoints ignored", []string{"AWS_ENDPOINT_URL", "http://local", "AWS_ENDPOINT_URL_DYNAMODB", "http://db",
			"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}, "", "", aws.EndpointDiscoveryAuto},
		{"without discovery", []string{"AWS_ENABLE_ENDPOINT_DISCOVERY", "false"}, "", "",
			aws.EndpointDiscoveryDisabled},
	} {
		t.Run(c.why, func(t *testing.T) {
			for i := 0; i < len(c.more); i += 2 {
				t.Setenv(c.more[i], c.more[i+1]) // the clients look at whether AWS_ENDPOINT_URL is set
			}
			cfg, err := Load(environ(c.more...))
			if err != nil {
				t.Fatal(err)
			}
			ts, db := timestreamwrite.NewFromConfig(cfg).Options(), dynamodb.NewFromConfig(cfg).Options()
			if got := aws.ToString(ts.BaseEndpoint); got != c.timestream {
				t.Errorf("Timestream is at %q, want %q", got, c.timestream)
			}
			if got := aws.ToString(db.BaseEndpoint); got != c.dynamodb {
				t.Errorf("DynamoDB is at %q, want %q", got, c.dynamodb)
			}
			if ts.EndpointDiscovery.EnableEndpointDiscovery != c.discovery {
				t.Errorf("discovery is %v, want %v", ts.EndpointDiscovery.EnableEndpointDiscovery, c.discovery)
			}
			if ts.Region != "eu-central-1" {
				t.Errorf("region %q", ts.Region)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	cfg, err := Load(environ("AWS_SESSION_TOKEN", "token"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil || got.AccessKeyID != "id" || got.SecretAccessKey != "secret" || got.SessionToken != "token" {
		t.Errorf("%+v, %v", got, err)
	}

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "let me in" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write(
			[]byte(`{"AccessKeyId":"container","SecretAccessKey":"s","Token":"t","Expiration":"2100-01-01T00:00:00Z"}`),
		)
	}))
	defer server.Close()
	cfg, err = Load(environ("AWS_ACCESS_KEY_ID", "", "AWS_CONTAINER_CREDENTIALS_FULL_URI", server.URL,
		"AWS_CONTAINER_AUTHORIZATION_TOKEN", "let me in"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := cfg.Credentials.Retrieve(t.Context()); err != nil || got.AccessKeyID != "container" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestErrorsHoldNoSecret(t *testing.T) {
	_, err := Load(environ("AWS_REGION", "", "AWS_SECRET_ACCESS_KEY", "topsecret"))
	if err == nil || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("error %v", err)
	}
}

func TestBackoffGrowsAndStaysShort(t *testing.T) {
	for attempt, most := range map[int]time.Duration{0: 50 * time.Millisecond, 1: 100 * time.Millisecond,
		3: 400 * time.Millisecond, 100: maxBackoff} {
		for range 50 {
			got, err := backoff(attempt, errors.New("any"))
			if err != nil || got < most/2 || got > most {
				t.Fatalf("attempt %d: %v, %v; want between half of %v and all of it", attempt, got, err, most)
			}
		}
	}
}

// TestCallsAreTriedUntilTheyAreDone: how long a service throttles is not up to a function, how long it may wait is.
func TestCallsAreTriedUntilTheyAreDone(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < 6 {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"__type":"com.amazonaws#ThrottlingException"}`))
			return
		}
		_, _ = w.Write([]byte(`{}`))
	}))
	defer server.Close()
	cfg, err := Load(environ("AWS_ENDPOINT_URL", server.URL))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dynamodb.NewFromConfig(cfg).ListTables(t.Context(), nil); err != nil || calls.Load() != 6 {
		t.Errorf("after %d calls: %v; five throttles and an answer want six", calls.Load(), err)
	}
}

func TestTheTransportMayBeTuned(t *testing.T) {
	cfg, err := Load(environ(), func(tr *http.Transport) { tr.ResponseHeaderTimeout = time.Second })
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.HTTPClient.(*http.Client).Transport.(*http.Transport); got.ResponseHeaderTimeout != time.Second ||
		got.MaxIdleConnsPerHost != Connections {
		t.Errorf("an answer is waited for %v, %d connections are kept", got.ResponseHeaderTimeout,
			got.MaxIdleConnsPerHost)
	}
}
