package contract

// Attributes of the device table that the provider declares. Its functions read and write them; their update
// expressions spell the names out.
const (
	// DeviceKey is the hash key: a thing's name, or the name of a special item, which begins with a dollar sign.
	DeviceKey = "device_id"
	// StatusAttribute and SlotAttribute are the keys of the index StatusIndex.
	StatusAttribute = "status"
	StatusIndex     = "by-status-and-seen"
	// LastSeenAttribute (epoch ms) is when the newest message of a device arrived that is stored.
	LastSeenAttribute = "last_seen"
	// SlotAttribute (epoch ms) is not later than LastSeenAttribute: that time rounded down, so that the index does not
	// change with each message. Other items than devices have the time itself.
	SlotAttribute = "seen_slot"
	// ExpiryAttribute (epoch seconds) is when DynamoDB deletes an item.
	ExpiryAttribute = "expires_at"
)

// Attributes of the table of recent readings, besides DeviceKey, its hash key, and ExpiryAttribute.
const (
	// ReadingKey is the range key: the device's time, "#", and what tells readings of one millisecond apart.
	ReadingKey = "at"
	// ArrivedAttribute (epoch ms) is when the message arrived.
	ArrivedAttribute = "arrived_at"
	// SequenceAttribute names the message, as the archive and dead letters do, if the key does not.
	SequenceAttribute = "sequence_number"
	// MeasuresAttribute is a map of measure to value.
	MeasuresAttribute = "measures"
)

// RulesItem is the item of the device table that holds the alert rules: AlertRules as JSON in DocumentAttribute.
const (
	RulesItem         = "$rules"
	DocumentAttribute = "document"
)

// Special items of the device table that the alerts function shares with others.
const (
	// ThresholdsItem holds the overrides of thresholds for the whole pipeline, and ThresholdsItem, "#" and a device's
	// name those for the device.
	ThresholdsItem = "$thresholds"
	// CooldownPrefix begins the key of an alert: the rule's name, "#" and the device's name follow.
	CooldownPrefix = "$cooldown#"
)

// SerialKey is the hash key of the allow-list.
const SerialKey = "serial"

// AlertRulesVersion is the version of AlertRules that the provider writes and the alerts function knows.
const AlertRulesVersion = 1

// AlertRules is the document that the alerts function reads its rules from. T is how the writer or the reader holds a
// threshold.
type AlertRules[T any] struct {
	Version    int                  `json:"version"`
	Thresholds map[string]T         `json:"thresholds,omitempty"`
	Rules      map[string]AlertRule `json:"rules"`
	// Stream is the statement by which the processor selects the messages that the alerts function gets; empty if a
	// topic rule does.
	Stream string `json:"stream,omitempty"`
}

// AlertRule is one alert. When is a condition, Message and Command are substitution templates; all three may use the
// names thing and threshold.
type AlertRule struct {
	When            string `json:"when"`
	Severity        string `json:"severity"`
	Message         string `json:"message"`
	Command         string `json:"command,omitempty"`
	CooldownSeconds int64  `json:"cooldown_seconds"`
	NotifyResolved  bool   `json:"notify_resolved"`
}
