package contract

import "net/http"

// EnvCommandsTable is an environment variable of the function behind the device management API, besides EnvDeviceTable,
// EnvReadingsTable, EnvMetricsTable, EnvDataEndpoint and EnvOwner. The processor has it too, with an API.
const EnvCommandsTable = "IOT_COMMANDS_TABLE"

// StatusDeviceIndex is the second index of the device table, which only a pipeline with an API has: hash
// StatusAttribute, range DeviceKey, keys only. Its order does not change while devices send.
const StatusDeviceIndex = "by-status-and-device"

// Attributes of the commands table. Its hash key is DeviceKey; ExpiryAttribute is when DynamoDB deletes an item. All
// times but that are in epoch ms.
const (
	// CommandKey is the range key: a UUIDv7, or IdempotencyPrefix and the SHA-256 of an Idempotency-Key in hexadecimal.
	CommandKey = "command_id"
	// CommandStatusAttribute has one of the values below.
	CommandStatusAttribute = "status"
	// CommandPayloadAttribute is the JSON as published.
	CommandPayloadAttribute   = "payload"
	CommandCreatedAttribute   = "created_at"
	CommandSentAttribute      = "sent_at"
	CommandStatusAtAttribute  = "status_at"
	CommandDeadlineAttribute  = "deadline"
	CommandRequesterAttribute = "requested_by"
	// CommandAnswerAttribute is the device's JSON, of CommandAnswerBytes at most.
	CommandAnswerAttribute = "answer"

	// IdempotencyPrefix begins the range key of an item that says which command a key made: CommandOfKeyAttribute, and
	// in DigestAttribute what was asked for, as a hash of path and body.
	IdempotencyPrefix     = "key#"
	CommandOfKeyAttribute = "command"
	DigestAttribute       = "digest"
)

// States of a command in CommandStatusAttribute. One that is not final and past its deadline has expired, which readers
// compute.
const (
	CommandPending   = "pending"   // stored, and not yet published
	CommandSent      = "sent"      // AWS IoT has taken it
	CommandReceived  = "received"  // the device has it
	CommandSucceeded = "succeeded" // final: the device has done it
	CommandFailed    = "failed"    // final: the device could not do it
)

// Limits of commands.
const (
	CommandKeepDays     = 30
	IdempotencyKeepDays = 1
	CommandAnswerBytes  = 8 << 10
)

// CommandMember is the member of a command's payload that tells the device its ID.
const CommandMember = "command_id"

// CommandResultsRule is the key of the topic rule that puts the answers of devices into the stream.
const CommandResultsRule = "command_results"

// CommandResultTopic returns the topic on which a device answers a command.
func CommandResultTopic(prefix, thing, command string) string {
	return prefix + "/" + thing + "/commands/" + command + "/result"
}

// APIStage is the API's one stage, which is no part of its URLs.
const APIStage = "$default"

// APIRoute is one operation of the device management API. The gateway knows no others.
type APIRoute struct {
	Method string
	// Path has variables in braces. A document of OpenAPI has the same text.
	Path string
	// Writes says which scopes a token must have: one of write_scopes instead of one of read_scopes.
	Writes bool
}

// Key is the route as API Gateway names it.
func (r APIRoute) Key() string { return r.Method + " " + r.Path }

// APIRoutes lists the operations. The OpenAPI document and the handler have the same; a test compares.
func APIRoutes() []APIRoute {
	const (
		v1     = "/v1"
		device = v1 + "/devices/{device}"
	)
	read := func(path string) APIRoute { return APIRoute{Method: http.MethodGet, Path: path} }
	write := func(method, path string) APIRoute { return APIRoute{Method: method, Path: path, Writes: true} }
	return []APIRoute{
		read(v1 + "/alerts"),
		read(v1 + "/devices"),
		read(device),
		read(device + "/commands"),
		write(http.MethodPost, device+"/commands"),
		read(device + "/commands/{command}"),
		read(device + "/config"),
		write(http.MethodPut, device+"/config"),
		read(device + "/metrics"),
		read(device + "/readings"),
		read(device + "/shadow"),
		write(http.MethodPatch, device+"/shadow"),
		read(device + "/shadow/{shadow}"),
		write(http.MethodPatch, device+"/shadow/{shadow}"),
		read(device + "/shadows"),
		write(http.MethodDelete, device+"/thresholds"),
		read(device + "/thresholds"),
		write(http.MethodPut, device+"/thresholds"),
		read(v1 + "/openapi.json"),
		read(v1 + "/summary"),
		write(http.MethodDelete, v1+"/thresholds"),
		read(v1 + "/thresholds"),
		write(http.MethodPut, v1+"/thresholds"),
	}
}
