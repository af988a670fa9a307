package gateway

import (
	"fmt"
	"time"
)

// renewEvery is how often the gateway looks whether its credentials and the broker's certificate have changed.
const renewEvery = 10 * time.Second

// renewals is what tick knows of the credentials on the disk.
type renewals struct {
	looked  time.Time
	problem string // why those on the disk are not in use
}

// Reload reads the credentials and the broker's certificate again, and ends the pause before the next attempt to
// connect.
func (g *Gateway) Reload() {
	select {
	case g.reloads <- struct{}{}:
	default:
	}
}

// renewNow looks for new certificates when it is time.
func (g *Gateway) renewNow() {
	if time.Since(g.renewals.looked) >= renewEvery {
		g.renew()
	}
}

// renew takes over certificates that have changed, and reports whether any has.
func (g *Gateway) renew() bool {
	g.renewals.looked = time.Now()
	uplink, broker := g.renewUplink(), g.renewBroker()
	return uplink || broker
}

// renewUplink makes the uplink use credentials that have changed. Those before hold on until the new ones can be read:
// a certificate and its key may be in two files, of which one is written first.
func (g *Gateway) renewUplink() (changed bool) {
	identity, err := g.config.Identity()
	if err == nil && (identity.Gateway != g.identity.Gateway || identity.Prefix != g.identity.Prefix) {
		err = fmt.Errorf("they are those of %q below %q, and this gateway is %q below %q: to make it another, stop it",
			identity.Gateway, identity.Prefix, g.identity.Gateway, g.identity.Prefix)
	}
	if err != nil {
		if g.renewals.problem != err.Error() {
			g.log.Error("The credentials on the disk cannot be used: those before hold on.", "error", err)
		}
		g.renewals.problem = err.Error()
		return false
	}
	g.renewals.problem = ""
	g.mu.Lock()
	same := g.credentials.Same(identity)
	g.credentials = identity
	g.mu.Unlock()
	if same {
		return false
	}
	g.log.Info("The credentials have changed: the uplink connects again.", "certificate_id", identity.CertificateID)
	g.uplink.Use(identity.Endpoint, identity.TLS)
	return true
}
