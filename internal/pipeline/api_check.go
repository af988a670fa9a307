package pipeline

import (
	"net/url"
	"regexp"
	"slices"
)

const (
	// Limits of API Gateway ["Quotas for HTTP APIs"; API Gateway V2 API, StringWithLengthBetween1And64].
	maxAudiences  = 50
	maxScopes     = 10
	maxScope      = 64
	maxIssuer     = 2048
	maxOrigins    = 100
	maxOriginText = 253 + len("https://:65535")
)

// scopePattern is scope-token of RFC 6749, section 3.3.
var scopePattern = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+$`)

func (c *checker) checkAPI(a *APISpec) {
	if a == nil {
		return
	}
	c.choice("api.auth", a.Auth, APIAuths)
	if t := a.Throttle; t != nil {
		c.number("api.throttle.rate", t.Rate, APIRate)
		c.number("api.throttle.burst", t.Burst, APIBurst)
	}
	c.number("api.access_log_retention_days", a.AccessLogRetentionDays, FunctionLogRetentionDays)
	c.number("api.memory_mb", a.MemoryMB, APIMemoryMB)
	if a.Package != nil && c.known("api.package") && *a.Package == "" {
		c.fail("api.package", "package is empty", "Write the path of a zip with an executable called bootstrap, "+
			"or leave package out to use the function that comes with the provider.")
	}
	c.checkOrigins(a.CORSOrigins)
	if !c.known("api.auth") || !c.known("api.jwt") {
		return
	}
	switch wantsTokens := *APIAuths.Or(a.Auth) == AuthJWT; {
	case wantsTokens && a.JWT == nil:
		c.fail("api.jwt", "jwt is missing", `With auth = "jwt", the API must know whose tokens it accepts. Write `+
			`jwt = { issuer = "https://…", audiences = ["…"] }, or leave auth out for callers with credentials of AWS.`)
	case !wantsTokens && a.JWT != nil:
		c.fail("api.jwt", "jwt has no effect", `The API accepts requests that are signed with credentials of AWS. `+
			`Write auth = "jwt" to accept tokens, or leave jwt out.`)
	case wantsTokens:
		c.checkJWT(a.JWT)
	}
}

func (c *checker) checkJWT(j *JWTSpec) {
	const at = "api.jwt"
	if c.known(at + ".issuer") {
		if issuer := deref(j.Issuer); !isIssuer(issuer) {
			c.fail(at+".issuer", "issuer is not an HTTPS address", "%s has to be the address that tokens have as iss, "+
				"with the server's keys below it, such as "+
				"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf: https, without a query.",
				excerpt(issuer))
		}
	}
	if c.known(at + ".audiences") {
		switch n := len(j.Audiences); {
		case n == 0:
			c.fail(at+".audiences", "audiences is empty", "API Gateway accepts a token if its aud or client_id is one "+
				"of audiences. Write at least one, such as the ID of the application.")
		case n > maxAudiences:
			c.fail(at+".audiences", "audiences has too many members", "There are %d; API Gateway takes %d.", n,
				maxAudiences)
		}
		c.checkTexts(at+".audiences", j.Audiences)
	}
	c.checkScopes(at+".read_scopes", j.ReadScopes)
	c.checkScopes(at+".write_scopes", j.WriteScopes)
	if len(j.WriteScopes) == 0 && c.known(at+".write_scopes") {
		c.warn(at+".write_scopes", "Every token may send commands", "Without write_scopes, whoever has a token of "+
			"this issuer for one of the audiences may change everything that the API can. List the scopes that a "+
			"token needs for it.")
	}
}

func isIssuer(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" &&
		len(text) <= maxIssuer
}

// checkTexts refuses empty members and those that are there twice.
func (c *checker) checkTexts(path string, list []string) {
	for i, text := range list {
		at := item(path, i)
		switch {
		case !c.known(at):
		case text == "":
			c.fail(at, "A member of "+lastName(path)+" is empty", "Remove it.")
		case slices.Contains(list[:i], text):
			c.fail(at, "A member of "+lastName(path)+" appears twice",
				"%s is in the list before. Remove one of the two.", excerpt(text))
		}
	}
}

func (c *checker) checkScopes(path string, scopes []string) {
	if !c.known(path) {
		return
	}
	if len(scopes) > maxScopes {
		c.fail(path, lastName(path)+" has too many members", "There are %d; API Gateway takes %d for a route.",
			len(scopes), maxScopes)
	}
	c.checkTexts(path, scopes)
	for i, scope := range scopes {
		at := item(path, i)
		if c.known(at) && scope != "" && (!scopePattern.MatchString(scope) || len(scope) > maxScope) {
			c.fail(at, "A scope is not valid", "%s may not be a scope: a scope has up to %d characters, without "+
				"spaces, quotes and backslashes.", excerpt(scope), maxScope)
		}
	}
}

func (c *checker) checkOrigins(origins []string) {
	const path = "api.cors_origins"
	if !c.known(path) {
		return
	}
	if len(origins) > maxOrigins {
		c.fail(path, "cors_origins has too many members", "There are %d; this provider takes %d.", len(origins),
			maxOrigins)
	}
	c.checkTexts(path, origins)
	for i, origin := range origins {
		at := item(path, i)
		if c.known(at) && origin != "" && origin != "*" && !isOrigin(origin) {
			c.fail(at, "An origin is not valid", "%s is not what browsers send as Origin: scheme, host and port, such "+
				"as https://app.example.com or http://localhost:5173, without a path or a slash at the end. \"*\" "+
				"stands for all.", excerpt(origin))
		}
	}
}

func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil &&
		u.Scheme+"://"+u.Host == text && len(text) <= maxOriginText
}
