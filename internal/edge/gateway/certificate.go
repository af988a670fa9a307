package gateway

import (
	"crypto/tls"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/edge/config"
)

// childTLS is what the broker shows to children and asks of them. It follows the files on the disk: connections that
// are there go on, and further ones get what is new.
type childTLS struct {
	mu      sync.Mutex
	present *config.ChildTLS // nil without TLS
	problem string           // why what is on the disk is not in use
	changes uint64
}

// open reads the files for the first time.
func (c *childTLS) open(b *config.Broker) (*tls.Config, error) {
	read, err := b.TLS()
	if err != nil || read == nil {
		return nil, err
	}
	c.present = read
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: c.config}, nil
}

// config is what a client that connects gets.
func (c *childTLS) config(*tls.ClientHelloInfo) (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.present.Config, nil
}

// renew reads the files again. What is there stays in use until they can be.
func (c *childTLS) renew(b *config.Broker) (changed bool, problem error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.present == nil {
		return false, nil
	}
	read, err := b.TLS()
	now := time.Now()
	if err == nil && now.After(read.Expires) && now.Before(c.present.Expires) {
		err = fmt.Errorf("the broker's certificate has expired at %s", read.Expires.UTC().Format(time.RFC3339))
	}
	if err != nil {
		fresh := c.problem != err.Error()
		c.problem = err.Error()
		if !fresh {
			return false, nil // it was said already
		}
		return false, err
	}
	c.problem = ""
	if c.present.Same(read) {
		return false, nil
	}
	c.present = read
	c.changes++
	return true, nil
}

// status is nil without TLS.
func (c *childTLS) status() *BrokerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.present == nil {
		return nil
	}
	s := &BrokerStatus{Expires: c.present.Expires.UTC(), Problem: c.problem, Changes: c.changes}
	s.Days = int(math.Floor(s.daysLeft()))
	return s
}

func (s *BrokerStatus) daysLeft() float64 { return time.Until(s.Expires).Hours() / 24 }

// expiryWarning is how long before its end the log tells of the broker's certificate.
const expiryWarning = 30 * 24 * time.Hour

// renewBroker takes over what has changed of the broker's certificate.
func (g *Gateway) renewBroker() (changed bool) {
	changed, err := g.children.renew(&g.config.Broker)
	switch {
	case err != nil:
		var hint []any
		if copied := systemdCopies(g.config); slices.Contains(copied, g.config.Broker.Key) {
			hint = []any{"hint", "systemd copied the key when the service started: restart it for a new one"}
		}
		g.log.Error("The broker's certificate on the disk cannot be used: the one before holds on.",
			append([]any{"error", err}, hint...)...)
	case changed:
		g.log.Info("The broker has a new certificate. Children that are connected stay so.",
			"expires", g.children.status().Expires)
		g.warnOfExpiry()
	}
	return changed
}

// warnOfExpiry logs an end of the broker's certificate that is near.
func (g *Gateway) warnOfExpiry() {
	switch s := g.children.status(); {
	case s == nil || time.Until(s.Expires) > expiryWarning:
	case time.Until(s.Expires) <= 0:
		g.log.Error("The broker's certificate has expired: children that check it cannot connect.",
			"expired", s.Expires)
	default:
		g.log.Warn("The broker's certificate expires soon.", "expires", s.Expires, "days", s.Days)
	}
}

// noteCopies says what a reload cannot do: before version 260, systemd copies credentials only when it starts a
// service.
func (g *Gateway) noteCopies() {
	if copied := systemdCopies(g.config); len(copied) > 0 {
		g.log.Warn("The reload brought nothing new. If the originals of these files have changed, restart the "+
			"service: systemd before 260 copies them only when it starts it. The queue and open windows stay.",
			"files", copied)
	}
}

// systemdCopies are the files of a configuration that systemd has copied for the service.
func systemdCopies(c *config.Config) (copied []string) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return nil
	}
	for _, name := range []string{c.Credentials, c.CA, c.Broker.Certificate, c.Broker.Key, c.Broker.ClientCA} {
		if relative, err := filepath.Rel(dir, name); name != "" && err == nil && filepath.IsLocal(relative) {
			copied = append(copied, name)
		}
	}
	return copied
}
