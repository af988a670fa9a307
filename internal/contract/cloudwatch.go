package contract

// MetricsNamespace is the CloudWatch namespace of what the functions emit.
const MetricsNamespace = "IoTPipeline"

// Metrics of the functions that alarms and dashboards name.
const (
	ReceivedMetric    = "Received"    // messages, of each reader of the stream
	StoredMetric      = "Stored"      // messages that every store has
	RetriedMetric     = "Retried"     // records that the processor handed back to the stream
	RejectedMetric    = "Rejected"    // messages that cannot be read or stored
	DeadLettersMetric = "DeadLetters" // letters in the queue, each with its reason
	LatencyMetric     = "Latency"     // milliseconds from the arrival until stored, or until told

	AlertsMetric     = "Alerts" // in total, and by severity as the reason
	ResolvedMetric   = "Resolved"
	SuppressedMetric = "Suppressed" // by a cooldown

	SilentMetric         = "Silent"   // devices that fell silent
	ReturnedMetric       = "Returned" // silent devices that sent again
	DevicesOnlineMetric  = "DevicesOnline"
	DevicesSilentMetric  = "DevicesSilent"
	DevicesOfflineMetric = "DevicesOffline"
	// DevicesNeverSeenMetric counts devices of the configuration that have sent nothing yet.
	DevicesNeverSeenMetric = "DevicesNeverSeen"

	ArchivedMetric         = "Archived"
	ProcessingFailedMetric = "ProcessingFailed" // messages that Firehose keeps below the error prefix
)

// ReasonDimension is the dimension of a count by reason, besides the pipeline and the function.
const ReasonDimension = "Reason"
