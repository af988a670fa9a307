// Package awsenv builds the AWS configuration of a function from its environment, and nothing else.
//
// Lambda passes region and credentials in variables, so the other sources of the SDK's own loader (profiles, SSO, the
// instance metadata service) cannot apply. Without them, binary and cold start shrink by a third. The variables for
// local runs are honoured: AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE>, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS,
// AWS_ENABLE_ENDPOINT_DISCOVERY. The package must not know which services are called.
package awsenv

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
)

const (
	firstBackoff = 50 * time.Millisecond
	// maxBackoff leaves time for several attempts within an invocation; the SDK's own limit is 20 s.
	maxBackoff = 2 * time.Second
	// answerTimeout limits the wait for one response, so that a dead connection costs one attempt, not the invocation.
	answerTimeout = 5 * time.Second
	// Connections is how many connections to one host are kept: the functions' limit on concurrent calls.
	Connections = 16
)

// Load reads the environment through getenv (os.Getenv in a function). It makes no network call. A function whose
// caller waits less long sets its own limits on the transport with tune.
func Load(getenv func(string) string, tune ...func(*http.Transport)) (aws.Config, error) {
	region := getenv("AWS_REGION")
	if region == "" {
		region = getenv("AWS_DEFAULT_REGION")
	}
	if region == "" {
		return aws.Config{}, errors.New("reading the AWS environment: AWS_REGION is not set")
	}
	provider, err := credentialsFrom(getenv)
	if err != nil {
		return aws.Config{}, err
	}
	env := environment{getenv}
	if _, _, err := env.GetEnableEndpointDiscovery(context.Background()); err != nil {
		return aws.Config{}, err
	}
	t := transport()
	for _, set := range tune {
		set(t)
	}
	config := aws.Config{
		Region:        region,
		Credentials:   aws.NewCredentialsCache(provider),
		HTTPClient:    &http.Client{Transport: t},
		Retryer:       newRetryer,
		ConfigSources: []any{env},
	}
	if url := getenv("AWS_ENDPOINT_URL"); url != "" && !env.ignored() {
		config.BaseEndpoint = aws.String(url)
	}
	return config, nil
}

// newRetryer retries throttling, 5xx and broken connections for as long as the call's context lives: the handler gives
// its calls the rest of the invocation. The SDK's shared retry quota is off. It would stop retrying exactly when a
// store throttles, and returning a batch to Lambda costs more than another attempt.
func newRetryer() aws.Retryer {
	standard := retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff = retry.BackoffDelayerFunc(backoff)
		o.RateLimiter = ratelimit.None
	})
	// The standard retryer treats 0 attempts as its default of 3; only the wrapper treats 0 as no limit.
	return retry.AddWithMaxAttempts(standard, 0)
}

// backoff doubles from 50 ms to maxBackoff, minus a random half so that workers do not retry all at once.
func backoff(attempt int, _ error) (time.Duration, error) {
	delay := min(maxBackoff, firstBackoff<<min(attempt, 10))
	return delay/2 + rand.N(delay/2), nil
}

// Pause waits before attempt 1, 2, … is repeated, as long as the clients do. Some services report what they did not do
// in a good answer, which no client repeats. It returns an error if ctx ends first.
func Pause(ctx context.Context, attempt int) error {
	delay, err := backoff(attempt, nil)
	if err != nil {
		return err
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func transport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(0)},
		TLSHandshakeTimeout:   3 * time.Second,
		ResponseHeaderTimeout: answerTimeout,
		MaxIdleConnsPerHost:   Connections,
		IdleConnTimeout:       50 * time.Second,
		WriteBufferSize:       32 << 10, // most requests in one write
	}
}

// credentialsFrom reads Lambda's variables: keys, or with SnapStart the address of a container endpoint.
func credentialsFrom(getenv func(string) string) (aws.CredentialsProvider, error) {
	if id, secret := getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"); id != "" && secret != "" {
		return credentials.NewStaticCredentialsProvider(id, secret, getenv("AWS_SESSION_TOKEN")), nil
	}
	if url := getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI"); url != "" {
		return endpointcreds.New(url, func(o *endpointcreds.Options) {
			o.AuthorizationToken = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		}), nil
	}
	return nil, errors.New("reading the AWS environment: neither AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY nor " +
		"AWS_CONTAINER_CREDENTIALS_FULL_URI is set")
}

// environment provides settings in the form that the service clients expect.
type environment struct{ getenv func(string) string }

func (e environment) ignored() bool {
	return strings.EqualFold(e.getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true")
}

// GetIgnoreConfiguredEndpoints is called by the service clients.
func (e environment) GetIgnoreConfiguredEndpoints(context.Context) (value, found bool, err error) {
	return true, e.ignored(), nil
}

// GetServiceBaseEndpoint is called by the service clients; "Timestream Write" reads AWS_ENDPOINT_URL_TIMESTREAM_WRITE.
func (e environment) GetServiceBaseEndpoint(_ context.Context, sdkID string) (string, bool, error) {
	url := e.getenv("AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(sdkID, " ", "_")))
	return url, url != "", nil
}

// GetEnableEndpointDiscovery is called by the Timestream client.
func (e environment) GetEnableEndpointDiscovery(context.Context) (aws.EndpointDiscoveryEnableState, bool, error) {
	switch value := e.getenv("AWS_ENABLE_ENDPOINT_DISCOVERY"); strings.ToLower(value) {
	case "":
		return aws.EndpointDiscoveryUnset, false, nil
	case "true":
		return aws.EndpointDiscoveryEnabled, true, nil
	case "false":
		return aws.EndpointDiscoveryDisabled, true, nil
	case "auto":
		return aws.EndpointDiscoveryAuto, true, nil
	default:
		return aws.EndpointDiscoveryUnset, false, fmt.Errorf(
			"reading the AWS environment: AWS_ENABLE_ENDPOINT_DISCOVERY is %q, want true, false or auto",
			value,
		)
	}
}
