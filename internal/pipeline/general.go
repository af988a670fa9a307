package pipeline

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

const (
	// maxPrefixLevels leaves room for the device, its topic, and routes that go deeper.
	maxPrefixLevels = 4
	maxTags         = 50 // per object, of every service
)

var (
	regionPattern = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
	// The prefix becomes part of SQL, policies and templates, so characters with a meaning there are not allowed.
	prefixPattern   = regexp.MustCompile(`^[a-zA-Z0-9_.:@=-]+$`)
	tagPattern      = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	boundaryPattern = regexp.MustCompile(`^arn:[a-z0-9-]+:iam::([0-9]{12}|aws):policy/.+$`)
)

// general is what concerns the pipeline as a whole: name, region, topic prefix, permissions boundary and tags.
func general() capability {
	return capability{
		shapes: []shape{
			{arguments: []string{"name", "region"}, parts: true},
			{arguments: []string{"topic_prefix"}, outputs: []string{"topics"}},
		},
		defaults: func(s *Spec) {
			s.TopicPrefix = or(s.TopicPrefix, s.Name)
			s.ForceDestroy = or(s.ForceDestroy, false)
		},
		check: func(c *checker, s Spec) {
			c.checkName(s.Name)
			if s.Region != nil {
				c.text("region", *s.Region, regionPattern, "a region looks like eu-west-1")
			}
			c.checkPrefix(s)
			if s.PermissionsBoundary != nil {
				c.text("permissions_boundary", *s.PermissionsBoundary, boundaryPattern,
					"write the ARN of a managed policy, arn:aws:iam::<account>:policy/<name>")
			}
			c.checkTags(s.Tags)
		},
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) {
			device := b.prefix() + "/{thing}/"
			out.AccountID = b.env.AccountID
			out.MQTTEndpoint = b.env.MQTTEndpoint
			out.Topics = Topics{Telemetry: device + "telemetry", Status: device + "status",
				Commands: device + "commands"}
		},
	}
}

func (b *builder) prefix() string { return *b.config.TopicPrefix }

func (c *checker) checkName(name string) {
	if !c.known("name") {
		return
	}
	summary := fmt.Sprintf("Pipeline name %s is not valid", excerpt(name))
	switch {
	case !namePattern.MatchString(name) || strings.HasSuffix(name, "-"):
		c.fail("name", summary, "Almost every object of the pipeline is named after it, and AWS's services agree only "+
			"on lowercase letters, digits and hyphens: start with a letter, do not end with a hyphen, for example %q.",
			"greenhouse-2")
	case len(name) < MinNameLength || len(name) > MaxNameLength:
		c.fail("name", summary, "It has %d characters. It needs at least %d, as a DynamoDB table does, and at most "+
			"%d, so that the longest names made from it (a bucket with account and region, an IAM role) are legal in "+
			"every region.", len(name), MinNameLength, MaxNameLength)
	case strings.HasPrefix(name, "xn--") || strings.HasPrefix(name, "sthree-") ||
		strings.HasPrefix(name, "amzn-s3-demo-"):
		c.fail("name", summary, "The pipeline's bucket starts with its name, and S3 reserves names that start with "+
			"xn--, sthree- and amzn-s3-demo-. Start the name differently.")
	}
}

func (c *checker) checkPrefix(config Spec) {
	const path = "topic_prefix"
	if config.TopicPrefix == nil || !c.known(path) {
		return
	}
	prefix := *config.TopicPrefix
	summary := fmt.Sprintf("topic_prefix %s is not valid", excerpt(prefix))
	levels := strings.Split(prefix, "/")
	longest := prefix + "/" + strings.Repeat("x", maxThingName) + "/telemetry"
	switch {
	case topic.Reserved(prefix):
		c.fail(path, summary, "Topics that start with $ belong to AWS. Start the prefix with a name of your own.")
	case strings.ContainsAny(prefix, "+#"):
		c.fail(path, summary, "A prefix is part of a topic that devices publish to, and + and # are wildcards of "+
			"subscriptions. Write each level as a name.")
	case len(levels) > maxPrefixLevels:
		c.fail(path, summary, "It has %d levels and may have %d: the device and the kind of message follow it, and "+
			"AWS IoT allows 8 levels in all.", len(levels), maxPrefixLevels)
	case slices.Contains(levels, ""):
		c.fail(path, summary, "It has an empty level, because it is empty, starts or ends with a slash, or has two "+
			"slashes side by side. Leave the slash out.")
	case slices.ContainsFunc(levels, func(l string) bool { return !prefixPattern.MatchString(l) }):
		c.fail(path, summary, "It is also used in SQL and in policies, so each level may hold only letters, digits "+
			"and the characters _ . : @ = -.")
	case topic.ValidateName(longest) != nil:
		c.fail(path, summary, "With a thing name of %d characters, a topic would have %d bytes, and AWS IoT allows "+
			"%d. Shorten it by %d.", maxThingName, len(longest), topic.MaxBytes, len(longest)-topic.MaxBytes)
	default:
		c.checkPolicySize(config)
	}
}

// checkPolicySize measures the device policy. Without a region it assumes the one with the longest name.
func (c *checker) checkPolicySize(config Spec) {
	if !namePattern.MatchString(config.Name) || len(config.Name) > MaxNameLength {
		return
	}
	region := cmp.Or(c.region, "ap-northeast-1")
	env := Env{AccountID: "123456789012", Region: region, Partition: partitionOf(region)}
	document := newBuilder(config, env).devicePolicy()
	size, times := policySize(document), strings.Count(document, "/"+*config.TopicPrefix+"/")
	if over := size - maxDevicePolicy; over > 0 {
		c.fail("topic_prefix",
			fmt.Sprintf("topic_prefix %s makes the device policy too long", excerpt(*config.TopicPrefix)),
			"The policy would have %d characters without white space, and AWS IoT allows %d. The prefix occurs in it "+
				"%d times: shorten it by %d characters or more.", size, maxDevicePolicy, times, (over+times-1)/times)
	}
}

// partitionOf is correct for the public partitions. Where it matters, Env has the partition.
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
		c.fail("tags", "Too many tags", "There are %d tags and AWS allows %d on an object, of which one is the "+
			"pipeline's own.", len(tags), maxTags)
	}
	for _, key := range sortedKeys(tags) {
		path := at("tags", key)
		switch value := tags[key]; {
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			c.fail(path, fmt.Sprintf("Tag %q is reserved", key), "Only AWS writes tags that start with aws:. "+
				"Choose another key.")
		case key == spec.OwnerTag:
			c.fail(path, fmt.Sprintf("Tag %q is reserved", key),
				"The provider keeps the pipeline's owner token in this tag. Choose another key.")
		case key == "" || utf8.RuneCountInString(key) > 128 || !tagPattern.MatchString(key):
			c.fail(path, fmt.Sprintf("Tag %s is not valid", excerpt(key)), "A tag's key has 1 to 128 letters, digits, "+
				"spaces and the characters _ . : / = + - @.")
		case c.known(path) && (utf8.RuneCountInString(value) > 256 || !tagPattern.MatchString(value)):
			c.fail(path, fmt.Sprintf("The value of tag %q is not valid", key),
				"A tag's value has at most 256 letters, digits, spaces and the characters _ . : / = + - @.")
		}
	}
}
