package rules

// Config is what an Engine runs: part of a gateway's configuration.
type Config struct {
	// Prefix is the pipeline's topic prefix, such as "greenhouse" or "plant/north".
	Prefix string `json:"prefix"`
	// Gateway is the gateway's thing name, which is its MQTT client ID as well: so it is what clientid() is in the
	// cloud for messages of all children. Commands go to children of this gateway only: <gateway>:<child>.
	Gateway string `json:"gateway"`
	// AccountID is what accountid() is; "" makes it Undefined.
	AccountID string `json:"account_id,omitempty"`
	// DataField and TimeField are those of the pipeline's telemetry block; "" means "data" and "timestamp".
	DataField string `json:"data_field,omitempty"`
	TimeField string `json:"time_field,omitempty"`
	// Unmatched says what happens to a message that no rule with the action forward or drop takes: "forward" (the
	// default) or "drop".
	Unmatched string `json:"unmatched,omitempty"`
	// Rules are the rules by name. A name has 1 to 48 of a-z, A-Z, 0-9 and _, and begins with a letter.
	Rules map[string]Rule `json:"rules,omitempty"`
	// MaxSeries bounds the memory: it is the number of children that rules remember, of measures in open windows, and
	// of measures with a dead band, together. A measure whose name and text have more than 256 bytes counts as several.
	// One child has at most a quarter, if that is more than 1,000. 0 means DefaultMaxSeries. What exceeds it is
	// forwarded as it is, and counted.
	MaxSeries int `json:"max_series,omitempty"`
}

// DefaultMaxSeries is how many series an engine remembers.
const DefaultMaxSeries = 50_000

// Rule is one local rule. The JSON names are those of the Terraform block edge.rules.
type Rule struct {
	// SQL selects messages as a topic rule of AWS IoT does: SELECT … FROM '<topic filter>' WHERE ….
	SQL string `json:"sql"`
	// Action is one of Actions; "" is "forward".
	Action string `json:"action,omitempty"`
	// Window gathers readings, and forwards their aggregates instead.
	Window *Window `json:"window,omitempty"`
	// Report forwards only what differs from what was forwarded last.
	Report *Report `json:"report,omitempty"`
	// RateLimit bounds the messages or commands of each child.
	RateLimit *RateLimit `json:"rate_limit,omitempty"`
	// Priority is one of Priorities: what the gateway's queue drops first when it is full. "" is "normal", and "high"
	// for alerts.
	Priority string `json:"priority,omitempty"`
	// Command is sent to a child, also without uplink.
	Command *Command `json:"command,omitempty"`
	// Alert refines the action "alert".
	Alert *Alert `json:"alert,omitempty"`
}

// The actions of a rule.
const (
	// ActionForward sends the result of the SELECT to the cloud, as telemetry of the child.
	ActionForward = "forward"
	// ActionDrop forwards nothing: neither the message, nor what forward rules would make of it.
	ActionDrop = "drop"
	// ActionCommand sends a command to a child for each message. The message itself is not affected.
	ActionCommand = "command"
	// ActionAlert raises an alert when WHERE becomes TRUE for a child, and clears it when it becomes FALSE. The message
	// itself is not affected.
	ActionAlert = "alert"
)

// Actions are the values of Rule.Action, Unmatched those of Config.Unmatched, the default first.
var (
	Actions   = []string{ActionForward, ActionDrop, ActionCommand, ActionAlert}
	Unmatched = []string{ActionForward, ActionDrop}
)

// Window is a time of fixed length in which the readings of one child become one message.
type Window struct {
	// Seconds is the length: 1 to 86,400.
	Seconds int `json:"seconds"`
	// Aggregates are some of Aggregates: what is forwarded of each measure. One alone has the measure's name, except
	// count; several have the names <measure>.<aggregate>.
	Aggregates []string `json:"aggregates"`
	// Late says what happens to a reading whose own time is more than Seconds before its arrival, as of a child that
	// sends what it stored: one of LateReadings. "" is "forward".
	Late string `json:"late,omitempty"`
}

// The aggregates of a window. Texts and Booleans have count and last only.
const (
	Minimum = "min"
	Maximum = "max"
	Average = "average"
	Count   = "count"
	Last    = "last"
)

// Aggregates are the values of Window.Aggregates.
var Aggregates = []string{Minimum, Maximum, Average, Count, Last}

// What happens to a reading that is too old for its window.
const (
	LateForward = "forward" // its message goes to the cloud as it is
	LateInclude = "include" // it counts as if it were new
	LateDrop    = "drop"
)

// LateReadings are the values of Window.Late, the default first.
var LateReadings = []string{LateForward, LateInclude, LateDrop}

// MaxWindowSeconds is the length of the longest window: a day.
const MaxWindowSeconds = 86_400

// Report is reporting by exception.
type Report struct {
	// DeadBand is by measure; "*" stands for all measures that are not named. A measure without one causes no report,
	// but is part of it. At least one is needed.
	DeadBand map[string]DeadBand `json:"dead_band"`
	// AtLeastEverySeconds reports the first message that is this much later than the last report; 0 means no such
	// report.
	AtLeastEverySeconds int `json:"at_least_every_seconds,omitempty"`
}

// DeadBand is how far a number may differ from the last one reported: one of the two. A text or a Boolean is reported
// when it differs.
type DeadBand struct {
	// Absolute is in the measure's unit; 0 reports each change.
	Absolute *float64 `json:"absolute,omitempty"`
	// Percent is of the last reported value.
	Percent *float64 `json:"percent,omitempty"`
}

// RateLimit lets through Messages of one child in Seconds on average, and at most so many at once; the rest is dropped
// and counted.
type RateLimit struct {
	Messages int `json:"messages"`
	Seconds  int `json:"seconds"`
}

// Bounds of a RateLimit.
const (
	MaxRateMessages = 1000
	MaxRateSeconds  = 86_400
)

// Command is what a child gets. Child and the payloads are substitution templates, as in a topic rule: ${…} holds
// an expression over the message. In them, thing is the name of the child that sent the message.
type Command struct {
	// Child is the thing's name of the child that gets the command; "" is the one that sent the message.
	Child string `json:"child,omitempty"`
	// Payload is published on the child's command topic. In a JSON document, values are inserted as JSON.
	Payload string `json:"payload"`
	// ClearedPayload is sent when an alert ends; "" sends nothing. Only with the action "alert".
	ClearedPayload string `json:"cleared_payload,omitempty"`
}

// Alert refines an alert.
type Alert struct {
	// ClearWhen is a condition, as after WHERE, that ends the alert; "" ends it when WHERE is FALSE. A condition with
	// some distance keeps a value near the limit from raising the alert again and again.
	ClearWhen string `json:"clear_when,omitempty"`
}

// Priority orders messages in the gateway's queue.
type Priority int8

// The priorities. A full queue may drop low ones first.
const (
	Low    Priority = -1
	Normal Priority = 0
	High   Priority = 1
)

// Priorities are the values of Rule.Priority, the default first.
var Priorities = []string{"normal", "low", "high"}

func (r Rule) priority() Priority {
	switch {
	case r.Priority == "low":
		return Low
	case r.Priority == "high", r.Priority == "" && r.action() == ActionAlert:
		return High
	}
	return Normal
}

func (p Priority) String() string {
	switch p {
	case Low:
		return "low"
	case High:
		return "high"
	}
	return "normal"
}

func (r Rule) action() string {
	if r.Action == "" {
		return ActionForward
	}
	return r.Action
}
