// Package influx writes readings to InfluxDB 1, 2 and 3, and to other servers that take their line protocol.
//
// It knows line protocol, the write endpoints and their answers, and where the credentials come from. It must not know
// batches, records or dead letters: it says which lines InfluxDB refused, and the caller decides what that means.
//
// The client libraries of InfluxData are not used: each knows one version, none signs in or says which lines were
// refused, and all retry by themselves, past the deadline of an invocation.
package influx

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// Config is where readings go.
type Config struct {
	URL          *url.URL // with the path that precedes InfluxDB's own, if there is one
	Version      int      // 1, 2 or 3
	Organization string   // of version 2; version 3 ignores it
	// Bucket is a bucket, in version 3 a database, in version 1 a database or "database/retention policy".
	Bucket      string
	Measurement string
	SecretARN   string // of the credentials in Secrets Manager; "": the server asks for none
}

// ParseConfig reads the function's environment. Without a URL there is no InfluxDB, and the result is nil.
func ParseConfig(getenv func(string) string) (*Config, error) {
	address := getenv(contract.EnvInfluxDBURL)
	if address == "" {
		return nil, nil
	}
	c := &Config{
		Organization: getenv(contract.EnvInfluxDBOrganization),
		Bucket:       getenv(contract.EnvInfluxDBBucket),
		Measurement:  getenv(contract.EnvInfluxDBMeasurement),
		SecretARN:    getenv(contract.EnvInfluxDBTokenSecretARN),
	}
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	var err error
	// The value is not in the messages: somebody may have written a password into it.
	if c.URL, err = url.Parse(address); err != nil || c.URL.Host == "" ||
		c.URL.Scheme != "https" && c.URL.Scheme != "http" {
		problem("%s is not a URL such as https://influxdb.example.com:8086", contract.EnvInfluxDBURL)
	} else if c.URL.User != nil || c.URL.RawQuery != "" || c.URL.Fragment != "" {
		problem("%s has a user, a query or a fragment: credentials belong in the secret that %s names",
			contract.EnvInfluxDBURL, contract.EnvInfluxDBTokenSecretARN)
	}
	c.Version, err = strconv.Atoi(getenv(contract.EnvInfluxDBVersion))
	if err != nil || c.Version < 1 || c.Version > 3 {
		problem("%s is %q, want 1, 2 or 3", contract.EnvInfluxDBVersion, getenv(contract.EnvInfluxDBVersion))
	}
	if c.Bucket == "" {
		problem("%s is not set", contract.EnvInfluxDBBucket)
	}
	if c.Measurement == "" {
		problem("%s is not set", contract.EnvInfluxDBMeasurement)
	}
	if c.Version == 2 && c.Organization == "" {
		problem("%s is not set, which version 2 needs", contract.EnvInfluxDBOrganization)
	}
	return c, errors.Join(problems...)
}

// endpoint returns the URL that takes lines, with times in nanoseconds.
func (c *Config) endpoint() string {
	query := url.Values{"precision": {"ns"}}
	path := "/api/v2/write"
	if c.Version == 1 {
		path = "/write"
		database, policy, found := strings.Cut(c.Bucket, "/")
		query.Set("db", database)
		if found {
			query.Set("rp", policy)
		}
	} else {
		query.Set("bucket", c.Bucket)
		query.Set("org", c.Organization)
	}
	return c.address(path) + "?" + query.Encode()
}

// address is the server's URL with a path of its API.
func (c *Config) address(path string) string { return strings.TrimSuffix(c.URL.String(), "/") + path }
