package pipeline

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

var (
	measurementPattern   = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]{0,127}$`)
	subnetPattern        = regexp.MustCompile(`^subnet-[0-9a-z]{8,17}$`)
	securityGroupPattern = regexp.MustCompile(`^sg-[0-9a-zA-Z]{8,17}$`)
	secretARNPattern     = regexp.MustCompile(
		`^arn:[a-z0-9-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[a-zA-Z0-9/_+=.@!-]+-[a-zA-Z0-9]{6}$`)
)

// Limits of [AWS Lambda VpcConfig].
const (
	maxSubnets        = 16
	maxSecurityGroups = 5
)

func (c *checker) checkInfluxDB(config Spec) {
	s := config.InfluxDB
	if s == nil {
		return
	}
	if s.Instance != nil && c.known("influxdb.instance") {
		c.checkInfluxDBInstance(config.Name, s)
	}
	c.number("influxdb.version", s.Version, InfluxDBVersions)
	c.checkInfluxDBAddress(s)
	c.checkOrganization(s)
	c.checkBucket(s)
	if s.Measurement != nil {
		c.text("influxdb.measurement", *s.Measurement, measurementPattern,
			"a measurement has 1 to 128 letters, digits and the characters _ . - and begins with a letter")
	}
	if s.TokenSecretARN != nil && c.known("influxdb.token_secret_arn") {
		c.checkSecret("influxdb.token_secret_arn", *s.TokenSecretARN)
	}
	c.key("influxdb.kms_key_id", s.KMSKeyID)
	if s.KMSKeyID != nil && s.TokenSecretARN == nil && c.known("influxdb.token_secret_arn") &&
		c.known("influxdb.kms_key_id") {
		c.fail("influxdb.kms_key_id", "kms_key_id has no secret",
			"It is the key of the secret that token_secret_arn names, and there is none. Write token_secret_arn, or "+
				"leave kms_key_id out.")
	}
	if s.VPC != nil && c.known("influxdb.vpc") {
		c.checkVPC("influxdb.vpc", s.VPC)
	}
}

func (c *checker) checkInfluxDBAddress(s *InfluxDBSpec) {
	const path = "influxdb.url"
	if !c.known(path) || !c.known("influxdb.instance") {
		return
	}
	if (s.URL == nil) == (s.Instance == nil) {
		c.fail("influxdb", "influxdb does not say where InfluxDB is", "Write either url, for example "+
			"\"https://influxdb.example.com:8086\", or instance, with which the pipeline makes one.")
		return
	}
	if s.URL == nil {
		return
	}
	at, err := url.Parse(*s.URL)
	switch {
	case err != nil || at.Hostname() == "" || at.Scheme != "https" && at.Scheme != "http":
		// The value is not in the message: somebody may have written a password into it.
		c.fail(path, "url is not the address of an InfluxDB", "It has the form https://host:port, with a path if "+
			"InfluxDB is below one, for example \"https://influxdb.example.com:8086\".")
	case at.User != nil || at.RawQuery != "" || at.Fragment != "":
		c.fail(path, "url holds more than an address", "A user, a password, a query or a fragment has no place in "+
			"it: it is shown in plans and is part of the function's environment. Put credentials into a secret and "+
			"name it in token_secret_arn.")
	case at.Port() != "" && !isPort(at.Port()):
		c.fail(path, "url has an invalid port", "%s is not a port: ports are numbers from 1 to 65535.",
			excerpt(at.Port()))
	case at.Scheme == "http" && s.VPC == nil && c.known("influxdb.vpc") && !isLoopback(at.Hostname()):
		c.fail(path, "url is not encrypted", "Readings and the token would cross the internet as plain text. Write "+
			"https, or reach a private server through influxdb.vpc.")
	}
}

func isPort(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= 1 && n <= 65535
}

// isLoopback reports whether a host is this machine, where iot-local runs.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// versionOf returns the version, or 0 while it is not known.
func (c *checker) versionOf(s *InfluxDBSpec) int64 {
	if !c.known("influxdb.version") {
		return 0
	}
	return *InfluxDBVersions.Or(s.Version)
}

func (c *checker) checkOrganization(s *InfluxDBSpec) {
	const path = "influxdb.organization"
	version := c.versionOf(s)
	switch {
	case !c.known(path) || version == 0 || !c.known("influxdb.instance"):
	case version == 2 && s.Organization == nil && s.Instance == nil:
		c.fail(path, "organization is missing", "InfluxDB 2 keeps buckets in organizations. Write the name or the "+
			"ID of the one that has the bucket, or another version.")
	case s.Organization == nil:
	case version != 2:
		c.fail(path, "organization has no meaning", "Only InfluxDB 2 has organizations, and version is %d. Leave "+
			"organization out.", version)
	case *s.Organization == "" || len(*s.Organization) > 64 || strings.ContainsFunc(*s.Organization, isControl):
		c.fail(path, "organization is not valid", "%s is not the name of an organization: it has 1 to 64 printable "+
			"characters.", excerpt(*s.Organization))
	}
}

func (c *checker) checkBucket(s *InfluxDBSpec) {
	const path = "influxdb.bucket"
	if s.Bucket == nil || !c.known(path) {
		return
	}
	name := *s.Bucket
	if name == "" || len(name) > 128 || strings.HasPrefix(name, "_") || strings.ContainsFunc(name, isControl) ||
		strings.Contains(name, `"`) {
		c.fail(path, "bucket is not valid", "%s is not the name of a bucket: it has 1 to 128 printable characters "+
			"without quotes and does not begin with _.", excerpt(name))
		return
	}
	database, policy, found := strings.Cut(name, "/")
	if found && c.versionOf(s) == 1 && (database == "" || policy == "" || strings.Contains(policy, "/")) {
		c.fail(path, "bucket is not valid", "In version 1, it is the name of a database, or of a database and a "+
			"retention policy with one slash between them; %s is neither.", excerpt(name))
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// checkSecret checks the ARN of a secret, in the pipeline's region.
func (c *checker) checkSecret(path, arn string) {
	if !secretARNPattern.MatchString(arn) {
		c.fail(path, lastName(path)+" is not the ARN of a secret", "%s should look like "+
			"arn:aws:secretsmanager:<region>:<account>:secret:<name>-<six characters>: the whole ARN, for example "+
			"aws_secretsmanager_secret.<name>.arn. The role may read only this secret, and without the six "+
			"characters at the end AWS would not recognise it.", excerpt(arn))
		return
	}
	if region := strings.Split(arn, ":")[3]; c.region != "" && region != c.region {
		c.fail(path, lastName(path)+" is in another region", "The secret is in %q and the function in %q, and it "+
			"reads secrets in its own region. Replicate the secret and name the replica.", region, c.region)
	}
}

func (c *checker) checkVPC(path string, s *VPCSpec) {
	c.checkIDs(path+".subnet_ids", s.SubnetIDs, subnetPattern, "subnet-0123456789abcdef0", maxSubnets)
	c.checkIDs(path+".security_group_ids", s.SecurityGroupIDs, securityGroupPattern, "sg-0123456789abcdef0",
		maxSecurityGroups)
}

// checkIDs checks a list of EC2's IDs that must not be empty.
func (c *checker) checkIDs(path string, ids []string, pattern *regexp.Regexp, example string, most int) {
	if !c.known(path) {
		return
	}
	if len(ids) == 0 || len(ids) > most {
		c.fail(path, lastName(path)+" has too few or too many elements", "There are %d and AWS takes 1 to %d.",
			len(ids), most)
	}
	for i, id := range ids {
		if c.known(item(path, i)) && !pattern.MatchString(id) {
			c.fail(item(path, i), lastName(path)+" has an element that is not an ID", "%s should look like %q.",
				excerpt(id), example)
		}
	}
}
