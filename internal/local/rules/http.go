package rules

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
)

// The limits of the HTTP action. [IoT-SQL 17 http]
const (
	httpAttempts    = 3
	httpTimeout     = 3 * time.Second // for all attempts
	httpMaxResponse = 16384           // bytes; after a longer response the action does not retry
)

type httpAction struct {
	engine  *Engine
	url     text
	confirm text // the confirmation URL; may be empty
	headers []headerText
	sign    *types.SigV4Authorization
	batch   bool
}

func (p *preparer) http(a *types.HttpAction) perform {
	h := &httpAction{
		engine: p.engine, url: p.text(a.Url), confirm: p.text(a.ConfirmationUrl), batch: aws.ToBool(a.EnableBatching),
	}
	for _, header := range a.Headers {
		h.headers = append(h.headers, headerText{text{fixed: *header.Key}, p.text(header.Value)})
	}
	if a.Auth != nil {
		h.sign = a.Auth.Sigv4
	}
	return h.perform
}

// perform inserts values raw, as AWS does. net/http refuses a URL or a header with a line break, so a value adds no
// header.
func (a *httpAction) perform(ctx context.Context, in *input) (string, error) {
	v, err := texts(ctx, in, a.url, a.confirm)
	if err != nil {
		return a.url.fixed, err
	}
	url, confirmed := v[0], v[1]
	// AWS posts to confirmed destinations only, and the confirmation URL is a prefix of theirs. [IoT-SQL 17 http]
	if !strings.HasPrefix(url, confirmed) {
		return url, fmt.Errorf("the URL %q does not begin with the confirmation URL %q", url, confirmed)
	}
	header, err := a.header(ctx, in)
	if err != nil {
		return url, err
	}
	body := in.payload
	if a.batch { // a batch is an array; here every batch holds one message
		body = append(append([]byte{'['}, body...), ']')
	}
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		again, err := a.post(ctx, url, header, body)
		if err == nil || !again || attempt == httpAttempts {
			return url, err
		}
	}
}

func (a *httpAction) header(ctx context.Context, in *input) (http.Header, error) {
	header := http.Header{}
	for _, h := range a.headers {
		value, err := h.value.of(ctx, in)
		if err != nil {
			return nil, err
		}
		header.Set(h.key.fixed, value)
	}
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/octet-stream")
		if in.json {
			header.Set("Content-Type", "application/json")
		}
	}
	return header, nil
}

// post sends the request once; again reports whether a failure may be retried.
func (a *httpAction) post(ctx context.Context, url string, header http.Header, body []byte) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	r.Header = header.Clone()
	if a.sign != nil {
		credentials, err := a.engine.options.Credentials.Retrieve(ctx)
		if err != nil {
			return false, err
		}
		sum := sha256.Sum256(body)
		hash, service, region := hex.EncodeToString(sum[:]), *a.sign.ServiceName, *a.sign.SigningRegion
		if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hash, service, region, time.Now()); err != nil {
			return false, err
		}
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, io.LimitReader(response.Body, httpMaxResponse+1))
	if err != nil {
		return false, err
	}
	if response.StatusCode < 300 {
		return false, nil
	}
	again = n <= httpMaxResponse && (response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 500)
	return again, fmt.Errorf("the endpoint responded with %s", response.Status)
}
