package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

// Limits that are ours or that several checks share.
const (
	// MaxDevices is where the devices map becomes slow: Terraform's plugin framework takes time with the square of its size.
	MaxDevices = 1000
	// maxPrefixLevels leaves room for the device and its topic, and for routes that go deeper.
	maxPrefixLevels = 4
	// maxThingName is AWS's [AWS 1.3 thing name].
	maxThingName = 128
	maxTags      = 50 // per object, of every service
)

// Severities are the alert severities, lowest first.
var Severities = []string{"info", "warning", "critical"}

// logRetentions are the days that CloudWatch Logs accepts.
var logRetentions = []int64{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

var (
	regionPattern = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
	// A level of the prefix stands in SQL, in policies and in templates, so what has a meaning there is not allowed.
	prefixPattern = regexp.MustCompile(`^[a-zA-Z0-9_.:@=-]+$`)
	tagPattern    = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	boundsPattern = regexp.MustCompile(`^arn:[a-z0-9-]+:iam::([0-9]{12}|aws):policy/.+$`)
	pathPattern   = regexp.MustCompile(`^[a-zA-Z0-9_./-]+$`)
	secretPattern = regexp.MustCompile(`^[a-zA-Z0-9/_+=.@-]+$`)
	// As in Timestream [AWS 6.1 Database / table names]; three characters at least.
	databasePattern = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,256}$`)
	archivePattern  = regexp.MustCompile(`^[a-zA-Z0-9_.=/-]+$`)
)

// Validate reports everything that is wrong with a description and can be
// known before anything exists, in the order of the attributes. unknown tells
// which attributes have no value yet; nil means that all have. spec.Region
// should be the effective one; checks that depend on it are left out otherwise.
// Timeouts belong to whoever runs the operations and are not looked at.
func Validate(spec Spec, unknown func(path string) bool) []Problem {
	c := &checker{unknown: unknown, region: deref(spec.Region)}
	c.checkName(spec.Name)
	if spec.Region != nil {
		c.text("region", *spec.Region, regionPattern, "a region looks like eu-west-1")
	}
	c.checkPrefix(spec)
	c.checkDevices(spec)
	c.checkDevicesFrom(spec)
	c.checkProvisioning(spec.Provisioning)
	c.checkCredentials(spec.Credentials)
	c.checkStream(spec.Stream)
	c.checkProcessor(spec.Processor)
	c.checkTelemetry(spec.Telemetry)
	c.checkTimestream(spec.Timestream)
	if s := spec.DeviceState; s != nil {
		c.number("device_state.ttl_days", s.TTLDays, 0, 3650, "this provider (0 is for ever)")
	}
	c.checkArchive(spec.Archive)
	c.checkAlerts(spec)
	c.checkRoutes(spec)
	c.checkFunctions(spec.Functions)
	if spec.PermissionsBoundary != nil {
		c.text("permissions_boundary", *spec.PermissionsBoundary, boundsPattern, "write the ARN of a managed policy, arn:aws:iam::<account>:policy/<name>")
	}
	c.checkTags(spec.Tags)
	return c.problems
}

func (c *checker) checkName(name string) {
	if !c.known("name") {
		return
	}
	summary := fmt.Sprintf("Pipeline name %s is not valid", excerpt(name))
	switch {
	case !namePattern.MatchString(name) || strings.HasSuffix(name, "-"):
		c.fail("name", summary, "Almost every object of the pipeline is named after it, and AWS's services agree only on small letters, "+
			"digits and hyphens: start with a letter, do not end with a hyphen, for example %q.", "greenhouse-2")
	case len(name) < MinNameLength || len(name) > MaxNameLength:
		c.fail("name", summary, "It has %d characters. It needs at least %d, as a DynamoDB table does, and at most %d, so that the longest names "+
			"made from it (a bucket with account and region, an IAM role) are legal in every region.", len(name), MinNameLength, MaxNameLength)
	case strings.HasPrefix(name, "xn--") || strings.HasPrefix(name, "sthree-") || strings.HasPrefix(name, "amzn-s3-demo-"):
		c.fail("name", summary, "The pipeline's bucket starts with its name, and S3 keeps names that start with xn--, sthree- and amzn-s3-demo- for itself. "+
			"Start the name differently.")
	}
}

func (c *checker) checkPrefix(spec Spec) {
	const path = "topic_prefix"
	if spec.TopicPrefix == nil || !c.known(path) {
		return
	}
	prefix := *spec.TopicPrefix
	summary := fmt.Sprintf("topic_prefix %s is not valid", excerpt(prefix))
	levels := strings.Split(prefix, "/")
	longest := prefix + "/" + strings.Repeat("x", maxThingName) + "/telemetry"
	switch {
	case topic.Reserved(prefix):
		c.fail(path, summary, "Topics that start with $ belong to AWS. Start the prefix with a name of your own.")
	case strings.ContainsAny(prefix, "+#"):
		c.fail(path, summary, "A prefix is part of a topic that devices publish to, and + and # are wildcards of subscriptions. Write each level as a name.")
	case len(levels) > maxPrefixLevels:
		c.fail(path, summary, "It has %d levels and may have %d: behind it come the device and the kind of message, and AWS IoT allows 8 levels in all.",
			len(levels), maxPrefixLevels)
	case slices.Contains(levels, ""):
		c.fail(path, summary, "It has an empty level, because it is empty, starts or ends with a slash, or has two slashes side by side. Leave the slash out.")
	case slices.ContainsFunc(levels, func(l string) bool { return !prefixPattern.MatchString(l) }):
		c.fail(path, summary, "It also stands in SQL and in policies, so each level may hold letters, digits and the characters _ . : @ = - only.")
	case topic.ValidateName(longest) != nil:
		c.fail(path, summary, "With a thing name of %d characters behind it a topic would have %d bytes, and AWS IoT allows %d. Shorten it by %d.",
			maxThingName, len(longest), topic.MaxBytes, len(longest)-topic.MaxBytes)
	default:
		c.checkPolicySize(spec)
	}
}

// checkPolicySize measures the device policy; without a region, as in the one with the longest name.
func (c *checker) checkPolicySize(spec Spec) {
	if !namePattern.MatchString(spec.Name) || len(spec.Name) > MaxNameLength {
		return
	}
	region := either(c.region, "ap-northeast-1")
	document := newBuilder(spec, Env{AccountID: "123456789012", Region: region, Partition: partitionOf(region)}).devicePolicy()
	size, times := policySize(document), strings.Count(document, "/"+*spec.TopicPrefix+"/")
	if over := size - maxDevicePolicy; over > 0 {
		c.fail("topic_prefix", fmt.Sprintf("topic_prefix %s makes the device policy too long", excerpt(*spec.TopicPrefix)),
			"The policy would have %d characters without white space, and AWS IoT allows %d. The prefix stands in it %d times: shorten it by %d characters or more.",
			size, maxDevicePolicy, times, (over+times-1)/times)
	}
}

// partitionOf is right for the partitions that the public knows; where it matters, Env says.
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

func (c *checker) checkTags(tags map[string]string) {
	if len(tags) > maxTags-1 {
		c.fail("tags", "Too many tags", "There are %d tags and AWS allows %d on an object, of which one is the pipeline's own.", len(tags), maxTags)
	}
	for _, key := range sortedKeys(tags) {
		path := at("tags", key)
		switch value := tags[key]; {
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			c.fail(path, fmt.Sprintf("Tag %q is reserved", key), "Tags that start with aws: are written by AWS alone. Choose another key.")
		case key == object.OwnerTag:
			c.fail(path, fmt.Sprintf("Tag %q is reserved", key), "The provider keeps the pipeline's owner token in this tag. Choose another key.")
		case key == "" || utf8.RuneCountInString(key) > 128 || !tagPattern.MatchString(key):
			c.fail(path, fmt.Sprintf("Tag %s is not valid", excerpt(key)), "A tag's key has 1 to 128 letters, digits, spaces and the characters _ . : / = + - @.")
		case c.known(path) && (utf8.RuneCountInString(value) > 256 || !tagPattern.MatchString(value)):
			c.fail(path, fmt.Sprintf("The value of tag %q is not valid", key), "A tag's value has at most 256 letters, digits, spaces and the characters _ . : / = + - @.")
		}
	}
}

func (c *checker) checkCredentials(s *CredentialsSpec) {
	if s == nil {
		return
	}
	c.oneOf("credentials.store", s.Store, "ssm", "secretsmanager")
	c.key("credentials.kms_key_id", s.KMSKeyID)
	const path = "credentials.path"
	if s.Path == nil || !c.known(path) {
		return
	}
	p := *s.Path
	if deref(s.Store) == "secretsmanager" {
		if c.text(path, p, secretPattern, "a secret's name holds letters, digits and / _ + = . @ - only") && len(p) > 380 {
			c.fail(path, "path is too long", "It has %d characters; with a thing's name behind it a secret's name must fit into 512. Use at most 380.", len(p))
		}
		return
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(p), "/"), "/")
	switch {
	case !strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") || strings.Contains(p, "//") || !pathPattern.MatchString(p):
		c.fail(path, "path is not valid", "%s is not a path in Parameter Store: it starts with a slash, does not end with one, and holds letters, digits and _ . - between slashes.", excerpt(p))
	case strings.HasPrefix(first, "aws") || strings.HasPrefix(first, "ssm"):
		c.fail(path, "path is not valid", "Parameter Store keeps names that start with aws and ssm for AWS. Start the path differently.")
	case strings.Count(p, "/") > 14 || len(p) > 800:
		c.fail(path, "path is too long", "With the thing's name a parameter has at most 15 levels and 1011 characters, ARN included. Use a shorter path.")
	}
}

func (c *checker) checkFunctions(s *FunctionsSpec) {
	if s == nil {
		return
	}
	c.oneOf("functions.architecture", s.Architecture, "arm64", "x86_64")
	c.oneOf("functions.log_level", s.LogLevel, "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
	const path = "functions.log_retention_days"
	if d := s.LogRetentionDays; d != nil && c.known(path) && !slices.Contains(logRetentions, *d) {
		c.fail(path, "log_retention_days has a value that CloudWatch Logs refuses", "%d is none of %s.", *d, strings.Trim(fmt.Sprint(logRetentions), "[]"))
	}
}
