package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// Every AWS name of a pipeline called "greenhouse" in eu-west-1 of account
// 123456789012. The bound is AWS's; "route" is a user's rule.
//
//	object               name                                       longest allowed
//	manifest             /iot-pipeline/greenhouse/manifest          1011
//	thing group, type    greenhouse                                 128
//	IoT policy           greenhouse                                 128
//	stream               greenhouse                                 128
//	Timestream database  greenhouse                                 256, at least 3
//	device table         greenhouse                                 255, at least 3
//	recent readings      greenhouse-readings                        255
//	metrics              greenhouse-metrics                         255
//	commands             greenhouse-commands                        255
//	HTTP API             greenhouse                                 128
//	bucket               greenhouse-123456789012-eu-west-1          63
//	alert topic          greenhouse-alerts                          256
//	dead-letter queue    greenhouse-dead-letters                    80
//	queue                greenhouse-messages                        80
//	functions            greenhouse-processor                       64
//	schedule group       greenhouse                                 64
//	alarms               greenhouse-iterator-age                    255
//	dashboard            greenhouse-eu-west-1                       255
//	allow-list           greenhouse-allow-list                      255
//	claim policy         greenhouse-claim                           128
//	gateway policy       greenhouse-gateway                         128
//	core devices         greenhouse-gateways (group), greenhouse-greengrass (policy, role alias)  128
//	component            iot.pipeline.greenhouse.edge               128
//	artifacts            greenhouse-123456789012-eu-west-1-edge     63
//	templates            greenhouse, greenhouse-jit                 36
//	log groups           /aws/lambda/greenhouse-processor           512
//	rules                greenhouse_telemetry, greenhouse_<route>   128, no hyphen
//	roles                greenhouse-eu-west-1-rules                 64
//	route roles          greenhouse-eu-west-1-route-<route>         64, shortened by a hash
//
// The names of roles and dashboards are shared by all regions of an account,
// and those of buckets by all accounts; so only those say more than the
// pipeline's name. The tightest sum decides how long that may be: a bucket with
// the longest region (14 characters today, as in ap-northeast-1) is
// MaxNameLength+1+12+1+14 = 60 of 63, a role ending in "-provisioning" 60 of 64.
const (
	MinNameLength = 3  // of Timestream databases, DynamoDB tables and buckets
	MaxNameLength = 32 // see the table above
	maxRoleName   = 64 // [IAM quotas]
	maxBucketName = 63 // [S3 bucket naming rules]
	// MaxRouteKey keeps a route's rule and role names readable and legal.
	MaxRouteKey = 64
)

var (
	namePattern  = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	routePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// names gives the AWS name of each object of one pipeline.
type names struct {
	pipeline, account, region string
}

func (n names) manifest() string    { return contract.ManifestName(n.pipeline) }
func (n names) alertTopic() string  { return n.pipeline + "-alerts" }
func (n names) readings() string    { return n.pipeline + "-readings" }
func (n names) metrics() string     { return n.pipeline + "-metrics" }
func (n names) commands() string    { return n.pipeline + "-commands" }
func (n names) deadLetters() string { return n.pipeline + "-dead-letters" }
func (n names) queue() string       { return n.pipeline + "-messages" }

// accessLogGroup is where API Gateway writes who called the API.
func (n names) accessLogGroup() string { return "/aws/vendedlogs/apigateway/" + n.pipeline }

// Of the archive in batches. Athena takes hyphens in names of databases only in quotes.
func (n names) delivery() string         { return n.pipeline + "-archive" }
func (n names) directDelivery() string   { return n.pipeline + "-archive-direct" }
func (n names) deliveryLogGroup() string { return "/aws/kinesisfirehose/" + n.delivery() }
func (n names) glueDatabase() string     { return strings.ReplaceAll(n.pipeline, "-", "_") }

// alarm is named after what it is about, and after the rule where there is one alarm for each.
func (n names) alarm(alarm, rule string) string {
	name := n.pipeline + "-" + strings.ReplaceAll(alarm, "_", "-")
	if rule != "" {
		name += "-" + rule
	}
	return name
}

func (n names) dashboard() string { return n.pipeline + "-" + n.region }

func (n names) scheduleGroup() string { return n.pipeline }

// Of devices that register themselves.
func (n names) allowList() string     { return n.pipeline + "-allow-list" }
func (n names) claimPolicy() string   { return n.pipeline + "-claim" }
func (n names) gatewayPolicy() string { return n.pipeline + "-gateway" }

// Of gateways that run Greengrass.
func (n names) gateways() string         { return n.pipeline + "-gateways" }
func (n names) greengrassPolicy() string { return n.pipeline + "-greengrass" }
func (n names) roleAlias() string        { return n.pipeline + "-greengrass" }
func (n names) component() string        { return "iot.pipeline." + n.pipeline + ".edge" }

// componentLog is where AWS's log manager writes a component's log ["Log manager"].
func (n names) componentLog() string {
	return "/aws/greengrass/UserComponent/" + n.region + "/" + n.component()
}

// artifactBucket ends in what it is for, as credentialsBucket does.
func (n names) artifactBucket() string {
	return shorten(n.pipeline+"-"+n.account+"-"+n.region+"-edge", maxBucketName)
}

func (n names) template() string     { return n.pipeline }
func (n names) jitpTemplate() string { return n.pipeline + "-jit" }

func (n names) bucket() string {
	return shorten(n.pipeline+"-"+n.account+"-"+n.region, maxBucketName)
}

// credentialsBucket ends in what it is for: a pipeline's name could end in it as well.
func (n names) credentialsBucket() string {
	return shorten(n.pipeline+"-"+n.account+"-"+n.region+"-credentials", maxBucketName)
}

// function gives the name of the function "processor" or "alerts".
func (n names) function(key string) string { return n.pipeline + "-" + key }

// logGroup is where Lambda writes a function's log unless told otherwise.
func (n names) logGroup(key string) string { return "/aws/lambda/" + n.function(key) }

// rule gives the name of a topic rule, which may not hold a hyphen [AWS 1.3].
func (n names) rule(key string) string { return contract.RuleName(n.pipeline, key) }

// role gives the name of a role; purpose is the part key after "role/".
func (n names) role(purpose string) string {
	return shorten(n.pipeline+"-"+n.region+"-"+strings.ReplaceAll(purpose, "/", "-"), maxRoleName)
}

// shorten keeps s when it fits, and else the start of it with eight hexadecimal
// digits of its hash, so that two long names stay two.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return s[:limit-9] + "-" + shortHash(s)
}

// shortHash gives eight hexadecimal digits that stand for s in a name or key.
func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}
