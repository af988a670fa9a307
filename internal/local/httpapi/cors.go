package httpapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// allows reports whether pages of the origin may read answers. An API may name origins, all of a scheme, or all.
func (c *CORS) allows(origin string) bool {
	return c != nil && slices.ContainsFunc(c.Origins, func(allowed string) bool {
		scheme, all := strings.CutSuffix(allowed, "://*")
		return allowed == "*" || strings.EqualFold(allowed, origin) ||
			all && strings.HasPrefix(strings.ToLower(origin), strings.ToLower(scheme)+"://")
	})
}

// headers adds what every response to a page of the origin has.
func (c *CORS) headers(h http.Header, origin string) {
	if origin == "" || !c.allows(origin) {
		return
	}
	if slices.Contains(c.Origins, "*") && !c.Credentials {
		origin = "*"
	} else {
		h.Add("Vary", "Origin")
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if c.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.Exposed) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.Exposed, ","))
	}
}

// preflight answers a browser's question before the request itself; no route and no function is asked. To pages of
// other origins the answer says nothing.
func (c *CORS) preflight(w http.ResponseWriter, origin string) {
	if h := w.Header(); c.allows(origin) {
		c.headers(h, origin)
		list := func(name string, values []string) {
			if len(values) > 0 {
				h.Set(name, strings.Join(values, ","))
			}
		}
		list("Access-Control-Allow-Methods", c.Methods)
		list("Access-Control-Allow-Headers", c.Headers)
		if c.MaxAge > 0 {
			h.Set("Access-Control-Max-Age", strconv.Itoa(int(c.MaxAge)))
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
