package contract

import "strings"

// ManifestName returns the name of the SSM parameter that holds a pipeline's manifest.
func ManifestName(pipeline string) string { return "/iot-pipeline/" + pipeline + "/manifest" }

// Stores of the bundles, as the argument credentials.store names them.
const (
	ParameterStore      = "ssm"
	SecretsManager      = "secretsmanager"
	CredentialsInBucket = "s3"
)

// DefaultCredentialsPath returns the path of a pipeline's bundles if its configuration names no other.
func DefaultCredentialsPath(pipeline string) string { return "/iot-pipeline/" + pipeline + "/devices" }

// ClaimBundleName returns the name of the claim bundle for a credentials path.
func ClaimBundleName(credentialsPath string) string { return credentialsPath + "-claim" }

// ClaimClientPrefix begins the client IDs under which a claim certificate may connect. No thing name of a pipeline
// contains a colon, so a stolen claim certificate cannot disconnect a device.
const ClaimClientPrefix = "claim:"

// RuleName returns the name of a pipeline's topic rule, which must not contain a hyphen [AWS 1.3]. With an empty key
// it is the prefix of all of them.
func RuleName(pipeline, key string) string { return strings.ReplaceAll(pipeline, "-", "_") + "_" + key }

// Keys of parts in the manifest that others than the provider's resource read. A prefix is followed by the rule's or
// the function's own key.
const (
	KeyRulePrefix           = "rule/"
	KeyChildrenRule         = "rule/children" // exists if devices can be behind gateways
	KeyFunctionPrefix       = "function/"
	KeyAPIFunction          = "function/api"
	KeySchedulePrefix       = "schedule/"
	KeyAlarmPrefix          = "alarm/"
	KeyProvisioningTemplate = "provisioning/template"
	KeyClaim                = "provisioning/claim"
	KeyDelivery             = "archive/delivery"
	KeyDirectDelivery       = "archive/direct" // that the rules put to, with a queue
	KeyCredentialsBucket    = "credentials/bucket"
	KeyComponent            = "greengrass/component"
	KeyThingType            = "thing_type"
	KeyDeviceTable          = "device_table"
	KeyDeadLetters          = "dead_letters"
	KeyStream               = "stream"
	KeyQueue                = "queue" // in place of the stream
	KeyBucket               = "bucket"
)
