package contract

import "time"

// Values of StatusAttribute.
const (
	StatusOnline  = "online"
	StatusOffline = "offline" // the device said so, or its connection ended
	StatusSilent  = "silent"  // it was online, and has sent nothing for longer than it may
	// StatusReturned is no status of a device. Items with the key ReturnedPrefix and the device's name have it, so that
	// the index StatusIndex finds the devices that were silent and have sent something since.
	StatusReturned = "returned"
	// StatusAlert is no status of a device either: the items of the alerts function that say when an alert was raised.
	StatusAlert = "alert"
)

// Attributes of the device table that the watch function and the processor share.
const (
	// SilentAtAttribute (epoch ms) is when the watch function marked a device as silent.
	SilentAtAttribute = "silent_at"
	// SilentSinceAttribute (epoch ms) is in an item of a returned device: when it was seen before.
	SilentSinceAttribute = "silent_since"
)

// Attributes of the device table about a device's connection, as AWS IoT tells of it.
const (
	ConnectedAttribute         = "connected" // BOOL
	SessionAttribute           = "session"   // AWS IoT's name of the session
	ConnectionVersionAttribute = "connection_version"
	PresenceAtAttribute        = "presence_at" // epoch ms, AWS IoT's time of the last event
	DisconnectedAtAttribute    = "disconnected_at"
	DisconnectReasonAttribute  = "disconnect_reason"
	// FarewellAttribute (epoch ms) is when a device said on its status topic that it goes offline.
	FarewellAttribute = "farewell_at"
)

// OfflineMargin is how far before the last run's limit the watch function looks for devices that are offline. The
// processor sets no device offline by an event that reaches it later than half of it.
const OfflineMargin = 10 * time.Minute

// MaxSlot is the longest time that SlotAttribute is rounded down to.
const MaxSlot = 5 * time.Minute

// Special items of the device table.
const (
	SilenceItem    = "$silence"   // Silence as JSON in DocumentAttribute
	WatchItem      = "$watch"     // what the watch function knows from one run to the next
	ReturnedPrefix = "$returned#" // followed by a device's name
)

// SilenceVersion is the version of Silence that the provider writes and the watch function knows.
const SilenceVersion = 1

// Silence is the document that the watch function reads its limits from.
type Silence struct {
	Version int   `json:"version"`
	Minutes int64 `json:"minutes"` // after which a device is silent
	// RefreshSeconds is how far last_seen can be behind a device's last message.
	RefreshSeconds int64 `json:"refresh_seconds,omitzero"`
	// Devices are those with a limit of their own, by its minutes.
	Devices map[int64][]string `json:"devices,omitzero"`
	// Described is how many devices the pipeline describes; nil if there can be others.
	Described *int64 `json:"described,omitzero"`
}
