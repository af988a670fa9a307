package influx

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// SecretAPI is the part of the Secrets Manager client that the package uses.
type SecretAPI interface {
	GetSecretValue(
		context.Context,
		*secretsmanager.GetSecretValueInput,
		...func(*secretsmanager.Options),
	) (*secretsmanager.GetSecretValueOutput, error)
}

// secret is what Secrets Manager holds: a token, alone or as the member of an object, or a user and a password as in
// the secrets that Timestream for InfluxDB makes. None of it may reach a log or an error.
type secret struct {
	Token    string `json:"token"`
	Username string `json:"username"`
	Password string `json:"password"`
}

// parseSecret reads a secret's text. Its errors hold nothing of it.
func parseSecret(text string) (secret, error) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "{") {
		if text == "" || strings.ContainsAny(text, "\r\n") {
			return secret{}, errors.New("it is empty or has several lines, which no token has")
		}
		return secret{Token: text}, nil
	}
	var s secret
	if json.Unmarshal([]byte(text), &s) != nil {
		return secret{}, errors.New("it begins like a JSON object and is none, or a member is not a text")
	}
	if s.Token == "" && (s.Username == "" || s.Password == "") {
		return secret{}, errors.New("it has neither the member token nor the members username and password")
	}
	return s, nil
}

// authorization is one header that opens InfluxDB.
type authorization struct {
	header, value string
	secret        secret // to keep it out of errors
	generation    int    // grows with each reading of the secret
}

func (a *authorization) apply(r *http.Request) {
	if a.header != "" {
		r.Header.Set(a.header, a.value)
	}
}

// redact removes what is secret from a server's answer.
func (a *authorization) redact(text string) string {
	for _, s := range []string{a.secret.Token, a.secret.Password, a.value} {
		if s != "" {
			text = strings.ReplaceAll(text, s, "(removed)")
		}
	}
	return text
}

// credentials reads the secret when it is first needed, and again when InfluxDB no longer takes it. It is safe for
// concurrent use.
type credentials struct {
	config  Config
	secrets SecretAPI
	http    *http.Client

	mu      sync.Mutex
	current authorization
}

// get returns an authorization that is newer than the generation that failed; 0 is any.
func (c *credentials) get(ctx context.Context, failed int) (authorization, error) {
	if c.config.SecretARN == "" {
		return authorization{}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current.generation > failed {
		return c.current, nil
	}
	a, err := c.read(ctx)
	if err != nil {
		return authorization{}, err
	}
	a.generation = c.current.generation + 1
	c.current = a
	return a, nil
}

func (c *credentials) read(ctx context.Context) (authorization, error) {
	out, err := c.secrets.GetSecretValue(ctx,
		&secretsmanager.GetSecretValueInput{SecretId: aws.String(c.config.SecretARN)})
	if err != nil {
		return authorization{}, fmt.Errorf("reading secret %q: %w", c.config.SecretARN, err)
	}
	s, err := parseSecret(aws.ToString(out.SecretString))
	if err != nil {
		return authorization{}, fmt.Errorf("reading secret %q: %w", c.config.SecretARN, err)
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(s.Username+":"+s.Password))
	switch {
	case s.Token != "":
		return authorization{header: "Authorization", value: "Token " + s.Token, secret: s}, nil
	case c.config.Version == 1:
		return authorization{header: "Authorization", value: basic, secret: s}, nil
	case c.config.Version == 2:
		return c.signIn(ctx, authorization{header: "Authorization", value: basic, secret: s})
	}
	return authorization{}, fmt.Errorf("secret %q holds a user and a password, and InfluxDB 3 takes only a token: "+
		"put a token into the secret", c.config.SecretARN)
}

// signIn opens a session: version 2 takes no password for writes. The session's cookie is the authorization until
// InfluxDB answers 401.
func (c *credentials) signIn(ctx context.Context, basic authorization) (authorization, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.address("/api/v2/signin"), http.NoBody)
	if err != nil {
		return authorization{}, err
	}
	basic.apply(request)
	response, err := c.http.Do(request)
	if err != nil {
		return authorization{}, &connectionError{fmt.Errorf("signing in to InfluxDB: %w", err)}
	}
	defer response.Body.Close()
	text := basic.redact(message(response))
	if response.StatusCode/100 != 2 {
		return authorization{}, &statusError{doing: "signing in to InfluxDB with the user of secret " +
			c.config.SecretARN, status: response.StatusCode, message: text, after: retryAfter(response)}
	}
	cookies := make([]string, 0, 1)
	for _, cookie := range response.Cookies() {
		cookies = append(cookies, cookie.Name+"="+cookie.Value)
	}
	if len(cookies) == 0 {
		return authorization{}, errors.New("signing in to InfluxDB: the answer has no session")
	}
	return authorization{header: "Cookie", value: strings.Join(cookies, "; "), secret: basic.secret}, nil
}
