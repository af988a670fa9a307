package awsapi

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/google/go-cmp/cmp"
)

// steadyClock moves on by a step each time somebody asks for the time.
type steadyClock struct {
	mu   sync.Mutex
	now  time.Time
	step time.Duration
}

func (c *steadyClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(c.step)
	return c.now
}

func (c *steadyClock) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// patient retries as the provider does by default, without pauses.
func patient() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = DefaultMaxRetries
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		o.RateLimiter = unlimited{}
	})
}

// unlimited is a client-side limit that allows everything: the SDK's own would end the test first.
type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}

func (unlimited) AddTokens(uint) error { return nil }

func TestAnOutageEndsByTime(t *testing.T) {
	for _, tc := range []struct {
		why      string
		status   int
		body     string
		step     time.Duration
		requests int
		told     []int
		outage   bool
	}{
		{why: "ten seconds pass with each failure: the thirteenth is two minutes after the first", status: 500, step: 10 * time.Second,
			requests: 13, told: []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, outage: true},
		{why: "the user's number of tries counts as well", status: 500, requests: DefaultMaxRetries,
			told: []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25}},
		{why: "throttling is no outage", status: 503, body: `{"__type":"ThrottlingException"}`, step: time.Hour,
			requests: DefaultMaxRetries},
		{why: "a refusal is final", status: 403, step: time.Hour, requests: 1},
	} {
		server := newStub(t, tc.status, tc.body)
		var told []int
		cfg := config(server.URL)
		cfg.Retryer = patient
		c := New(cfg, Options{Clock: &steadyClock{step: tc.step}, Unlimited: true,
			Failing: func(_ context.Context, o Outage) {
				if o.Operation != "iot:DeleteCertificate" || o.Err == nil {
					t.Errorf("%s: told %+v", tc.why, o)
				}
				told = append(told, o.Failures)
			}})
		_, err := c.IoT().DeleteCertificate(t.Context(),
			&iot.DeleteCertificateInput{CertificateId: aws.String(strings.Repeat("0", 64))})
		if err == nil {
			t.Fatalf("%s: no error", tc.why)
		}
		var outage *outageError
		if errors.As(err, &outage) != tc.outage {
			t.Errorf("%s: %v", tc.why, err)
		}
		if len(server.seen) != tc.requests {
			t.Errorf("%s: %d requests, want %d: %v", tc.why, len(server.seen), tc.requests, err)
		}
		if diff := cmp.Diff(tc.told, told); diff != "" {
			t.Errorf("%s: told of (-want +got):\n%s", tc.why, diff)
		}
	}
}
