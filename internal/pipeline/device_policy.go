package pipeline

import (
	"strings"
	"unicode"
)

// thisThing is the connecting device. AWS fills it in only when the certificate
// is attached to the thing whose name is the client id [AWS 3].
const thisThing = "${iot:Connection.Thing.ThingName}"

// maxDevicePolicy is AWS's limit on a policy's characters that are not white space [AWS 1.3 policy document].
const maxDevicePolicy = 2048

// devicePolicy lets a device connect as itself, publish telemetry and status
// below its own topic (or straight to the pipeline's rules through Basic
// Ingest), receive its own commands and use its own shadows, and nothing else.
//
// The Basic Ingest topics name each rule. A wildcard such as "greenhouse_*"
// would also cover the rules of a pipeline called "greenhouse-2", and Basic
// Ingest does not look at a rule's FROM.
func (b *builder) devicePolicy() string {
	own := b.prefix() + "/" + thisThing
	shadow := "$aws/things/" + thisThing + "/shadow/*"
	publish := []string{b.arn.iotTopic(own + "/telemetry"), b.arn.iotTopic(own + "/status")}
	if b.hasAPI() {
		publish = append(publish, b.arn.iotTopic(own+"/"+commandResults))
	}
	for _, r := range b.ownRules() {
		if r.topic == "" {
			continue // not for devices: one could speak for another
		}
		publish = append(publish, b.arn.iotTopic("$aws/rules/"+b.names.rule(r.key)+"/"+own+"/"+r.topic))
	}
	publish = append(publish, b.arn.iotTopic(shadow))

	connect := allow([]string{"iot:Connect"}, b.arn.client(thisThing))
	connect.Condition = conditions{"Bool": {"iot:Connection.Thing.IsAttached": {"true"}}}
	return policy(connect, allow([]string{"iot:Publish", "iot:RetainPublish"}, publish...),
		allow([]string{"iot:Subscribe"}, b.arn.iotFilter(own+"/commands"), b.arn.iotFilter(shadow)),
		allow([]string{"iot:Receive"}, b.arn.iotTopic(own+"/commands"), b.arn.iotTopic(shadow)))
}

// policySize counts as AWS does.
func policySize(document string) int {
	return len(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, document))
}
