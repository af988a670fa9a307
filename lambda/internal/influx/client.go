package influx

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = 2 * time.Second
	// answerTimeout limits the wait for one answer: a dead connection costs one attempt, not the invocation.
	answerTimeout = 10 * time.Second
	// maxAnswer is how much of an answer is read. InfluxDB 3 describes up to 100 lines.
	maxAnswer = 1 << 20
)

// ErrTooLarge means that the server takes no request of this size (413).
var ErrTooLarge = errors.New("InfluxDB takes no request of this size")

// Client writes lines. It is safe for concurrent use.
type Client struct {
	config      Config
	endpoint    string
	http        *http.Client
	credentials *credentials
	writers     sync.Pool // of *gzip.Writer
}

// New makes a client. It makes no call: the secret is read before the first write. connections limits the idle
// connections.
func New(config Config, secrets SecretAPI, connections int) *Client {
	client := &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   3 * time.Second,
			ResponseHeaderTimeout: answerTimeout,
			MaxIdleConnsPerHost:   connections,
			IdleConnTimeout:       50 * time.Second,
		},
		// A redirect would take the credentials to another server, and turn the write into a read.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Client{
		config: config, endpoint: config.endpoint(), http: client,
		credentials: &credentials{config: config, secrets: secrets, http: client},
		writers:     sync.Pool{New: func() any { return gzip.NewWriter(nil) }},
	}
}

// Write writes lines, each of which ends in a line feed. It repeats what passes by itself for as long as ctx lives: 429
// and 5xx, as late as Retry-After says, and broken connections. After 401 and 403, it reads the credentials again once.
// The error is a *RefusedError if InfluxDB refused lines, and is ErrTooLarge if there should be fewer. After an error,
// some of the lines may have been written; writing them again changes nothing.
func (c *Client) Write(ctx context.Context, lines [][]byte) error {
	body, err := c.compress(lines)
	if err != nil {
		return err
	}
	failed, renewed := 0, false
	for attempt := 0; ; attempt++ {
		auth, err := c.credentials.get(ctx, failed)
		if err == nil {
			err = c.post(ctx, body, &auth)
		}
		var status *statusError
		known := errors.As(err, &status)
		switch {
		case err == nil:
			return nil
		case known && status.refusesCredentials() && auth.generation > 0 && !renewed:
			failed, renewed = auth.generation, true
			continue
		case known && !status.passes(), !known && !isConnection(err):
			return err
		}
		if !wait(ctx, c.delay(attempt, status)) {
			return err
		}
	}
}

// delay is how long to wait before the next attempt: twice as long each time, minus a random half, and at least as long
// as the server asks for.
func (c *Client) delay(attempt int, status *statusError) time.Duration {
	delay := min(maxBackoff, firstBackoff<<min(attempt, 10))
	delay = delay/2 + rand.N(delay/2)
	if status != nil {
		delay = max(delay, status.after)
	}
	return delay
}

// wait returns false at once if the time does not suffice, so that the invocation is not paid for in vain.
func wait(ctx context.Context, delay time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < delay {
		return false
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (c *Client) compress(lines [][]byte) ([]byte, error) {
	var out bytes.Buffer
	w, ok := c.writers.Get().(*gzip.Writer)
	if !ok {
		w = gzip.NewWriter(nil)
	}
	defer c.writers.Put(w)
	w.Reset(&out)
	for _, line := range lines {
		if _, err := w.Write(line); err != nil {
			return nil, fmt.Errorf("compressing lines: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compressing lines: %w", err)
	}
	return out.Bytes(), nil
}

// post makes one request.
func (c *Client) post(ctx context.Context, body []byte, auth *authorization) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	request.Header.Set("Content-Encoding", "gzip")
	auth.apply(request)
	response, err := c.http.Do(request)
	if err != nil {
		return &connectionError{err}
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		_, err := io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer)) // so that the connection is used again
		if err != nil {
			return &connectionError{err}
		}
		return nil
	case http.StatusCreated, http.StatusBadRequest, http.StatusUnprocessableEntity:
		// 201 was InfluxDB Cloud's answer to a partial write.
		return refused(response, auth)
	case http.StatusRequestEntityTooLarge:
		return ErrTooLarge
	}
	return &statusError{doing: "writing to InfluxDB at " + c.config.URL.String(), status: response.StatusCode,
		message: auth.redact(message(response)), after: retryAfter(response), secret: c.config.SecretARN,
		bucket: c.config.Bucket}
}

// connectionError is a failure to get an answer, from the name's resolution to a broken transfer.
type connectionError struct{ err error }

func (e *connectionError) Error() string { return e.err.Error() }
func (e *connectionError) Unwrap() error { return e.err }

func isConnection(err error) bool {
	var connection *connectionError
	return errors.As(err, &connection)
}

// statusError is an answer that says nothing about single lines.
type statusError struct {
	doing          string
	status         int
	message        string
	after          time.Duration // what Retry-After asks for
	secret, bucket string
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("%s: %d %s: %s", e.doing, e.status, http.StatusText(e.status), e.message)
	if e.refusesCredentials() && e.bucket != "" {
		if e.secret == "" {
			return text + ". No secret is configured: name the one that holds a token in token_secret_arn"
		}
		return fmt.Sprintf("%s. The secret %s was read again just before: its token or user must be one that may "+
			"write to %q", text, e.secret, e.bucket)
	}
	return text
}

func (e *statusError) refusesCredentials() bool {
	return e.status == http.StatusUnauthorized || e.status == http.StatusForbidden
}

// passes reports whether the same request can succeed later.
func (e *statusError) passes() bool {
	return e.status == http.StatusTooManyRequests || e.status == http.StatusRequestTimeout || e.status >= 500
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(r *http.Response) time.Duration {
	text := r.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// message returns what an answer says, in one line.
func message(r *http.Response) string {
	text, _ := readAnswer(r)
	return text
}

const maxMessage = 1000 // bytes of an answer that an error repeats

func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return text
}
