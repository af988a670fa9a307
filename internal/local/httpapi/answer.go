package httpapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// answer is a function's answer as a response.
type answer struct {
	status  int
	header  http.Header
	cookies []string
	body    []byte
}

// connectionHeaders are what a function cannot set.
var connectionHeaders = []string{"Connection", "Content-Length", "Date", "Keep-Alive", "Trailer", "Transfer-Encoding",
	"Upgrade"}

// parseAnswer reads a function's answer in payload format 2.0. An answer without the member statusCode is the body of a
// response in JSON. The error is why API Gateway would refuse it. [AWS HTTP API Lambda integrations]
func parseAnswer(payload []byte) (*answer, error) {
	if !json.Valid(payload) {
		return nil, errors.New("the answer is not JSON")
	}
	var members struct {
		StatusCode      *json.RawMessage           `json:"statusCode"`
		Headers         map[string]json.RawMessage `json:"headers"`
		Cookies         []string                   `json:"cookies"`
		Body            *string                    `json:"body"`
		IsBase64Encoded bool                       `json:"isBase64Encoded"`
	}
	if !bytes.HasPrefix(bytes.TrimSpace(payload), []byte("{")) {
		return inferred(payload), nil
	}
	if err := json.Unmarshal(payload, &members); members.StatusCode == nil {
		return inferred(payload), nil
	} else if err != nil {
		return nil, fmt.Errorf("the answer has a statusCode but not the form of a response: %w", err)
	}
	a := &answer{header: http.Header{}, cookies: members.Cookies}
	if err := json.Unmarshal(*members.StatusCode, &a.status); err != nil || a.status < 100 || a.status > 599 {
		return nil, fmt.Errorf("the answer's statusCode is %s", *members.StatusCode)
	}
	for name, value := range members.Headers {
		text, err := headerValue(value)
		if err != nil {
			return nil, fmt.Errorf("the answer's header %q: %w", name, err)
		}
		if name = http.CanonicalHeaderKey(name); !slices.Contains(connectionHeaders, name) {
			a.header.Set(name, text)
		}
	}
	if a.header.Get("Content-Type") == "" {
		a.header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	if members.Body == nil {
		return a, nil
	}
	a.body = []byte(*members.Body)
	if members.IsBase64Encoded {
		var err error
		if a.body, err = base64.StdEncoding.DecodeString(*members.Body); err != nil {
			return nil, fmt.Errorf("the answer's body is not base64: %w", err)
		}
	}
	return a, nil
}

// headerValue is a text, a number or a Boolean.
func headerValue(value json.RawMessage) (string, error) {
	var decoded any
	if err := json.Unmarshal(value, &decoded); err != nil {
		return "", err
	}
	switch v := decoded.(type) {
	case string:
		return v, nil
	case float64, bool:
		return string(value), nil
	}
	return "", fmt.Errorf("it is %s", value)
}

// inferred is the response for an answer that is only a body. A string stands for its text.
func inferred(payload []byte) *answer {
	a := &answer{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json"}}, body: payload}
	var text string
	if json.Unmarshal(payload, &text) == nil && bytes.HasPrefix(bytes.TrimSpace(payload), []byte(`"`)) {
		a.body = []byte(text)
	}
	return a
}

// write sends the response. With CORS on, the API's own headers stand; what the function says about CORS does not.
func (a *answer) write(w http.ResponseWriter, cors *CORS) {
	for name, values := range a.header {
		if cors == nil || !strings.HasPrefix(name, "Access-Control-") {
			w.Header()[name] = append(w.Header()[name], values...)
		}
	}
	for _, cookie := range a.cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	w.WriteHeader(a.status)
	w.Write(a.body)
}
