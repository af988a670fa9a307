package pipeline

// Spec describes one pipeline as the person wrote it. The JSON names are the
// attribute names of the Terraform resource. A nil pointer, map or slice means
// "not written"; what then holds is decided by withDefaults and nowhere else.
type Spec struct {
	Name        string                `json:"name"`
	Region      *string               `json:"region,omitempty"`       // nil: the provider's
	TopicPrefix *string               `json:"topic_prefix,omitempty"` // nil: Name
	Devices     map[string]DeviceSpec `json:"devices,omitempty"`      // by thing name, which is the MQTT client id
	Credentials *CredentialsSpec      `json:"credentials,omitempty"`
	Stream      *StreamSpec           `json:"stream,omitempty"`
	Processor   *ProcessorSpec        `json:"processor,omitempty"`
	Telemetry   *TelemetrySpec        `json:"telemetry,omitempty"`
	Timestream  *TimestreamSpec       `json:"timestream,omitempty"` // nil: no time-series store
	DeviceState *DeviceStateSpec      `json:"device_state,omitempty"`
	Archive     *ArchiveSpec          `json:"archive,omitempty"`
	Alerts      *AlertsSpec           `json:"alerts,omitempty"`
	Routes      map[string]RouteSpec  `json:"routes,omitempty"` // by rule suffix
	Functions   *FunctionsSpec        `json:"functions,omitempty"`
	// PermissionsBoundary is the ARN of a managed policy that bounds every role of the pipeline.
	PermissionsBoundary *string           `json:"permissions_boundary,omitempty"`
	Tags                map[string]string `json:"tags,omitempty"`
	ForceDestroy        *bool             `json:"force_destroy,omitempty"`
}

// DeviceSpec is one device. At most one of CSRPEM and CertificatePEM is set;
// with neither, AWS makes the key pair.
type DeviceSpec struct {
	Attributes     map[string]string `json:"attributes,omitempty"`
	CSRPEM         *string           `json:"csr_pem,omitempty"`
	CertificatePEM *string           `json:"certificate_pem,omitempty"`
	Enabled        *bool             `json:"enabled,omitempty"`
}

// CredentialsSpec says where the credentials bundles of devices are kept.
type CredentialsSpec struct {
	Store    *string `json:"store,omitempty"` // "ssm" or "secretsmanager"
	Path     *string `json:"path,omitempty"`  // a bundle's name is Path + "/" + thing
	KMSKeyID *string `json:"kms_key_id,omitempty"`
}

// StreamSpec is the Kinesis stream.
type StreamSpec struct {
	Mode           *string `json:"mode,omitempty"`   // "on_demand" or "provisioned"
	Shards         *int64  `json:"shards,omitempty"` // only with "provisioned"
	RetentionHours *int64  `json:"retention_hours,omitempty"`
	KMSKeyID       *string `json:"kms_key_id,omitempty"`
}

// ProcessorSpec is the stream processor function and how the stream feeds it.
type ProcessorSpec struct {
	BatchSize             *int64  `json:"batch_size,omitempty"`
	BatchWindowSeconds    *int64  `json:"batch_window_seconds,omitempty"`
	ParallelizationFactor *int64  `json:"parallelization_factor,omitempty"`
	MemoryMB              *int64  `json:"memory_mb,omitempty"`
	TimeoutSeconds        *int64  `json:"timeout_seconds,omitempty"`
	MaxRetries            *int64  `json:"max_retries,omitempty"`
	MaxRecordAgeSeconds   *int64  `json:"max_record_age_seconds,omitempty"`
	Package               *string `json:"package,omitempty"` // path of a zip that replaces the shipped function
}

// TelemetrySpec says how a device's payload is read.
type TelemetrySpec struct {
	DataField *string `json:"data_field,omitempty"`
	TimeField *string `json:"time_field,omitempty"`
}

// TimestreamSpec is the Timestream LiveAnalytics database and table.
type TimestreamSpec struct {
	Database              *string `json:"database,omitempty"`
	Table                 *string `json:"table,omitempty"`
	MemoryRetentionHours  *int64  `json:"memory_retention_hours,omitempty"`
	MagneticRetentionDays *int64  `json:"magnetic_retention_days,omitempty"`
	Layout                *string `json:"layout,omitempty"` // "multi" or "single"
	KMSKeyID              *string `json:"kms_key_id,omitempty"`
}

// DeviceStateSpec is the DynamoDB table with the latest state of each device.
type DeviceStateSpec struct {
	TTLDays             *int64 `json:"ttl_days,omitempty"` // 0: never
	PointInTimeRecovery *bool  `json:"point_in_time_recovery,omitempty"`
}

// ArchiveSpec is the archive of raw telemetry in S3. The bucket's settings hold
// for the dead letters in it as well.
type ArchiveSpec struct {
	Enabled                     *bool   `json:"enabled,omitempty"`
	Prefix                      *string `json:"prefix,omitempty"`
	IntelligentTieringAfterDays *int64  `json:"intelligent_tiering_after_days,omitempty"` // 0: at once
	ExpireAfterDays             *int64  `json:"expire_after_days,omitempty"`              // nil: never
	KMSKeyID                    *string `json:"kms_key_id,omitempty"`
}

// AlertsSpec is what people are told about, and how.
type AlertsSpec struct {
	Rules map[string]AlertRuleSpec `json:"rules,omitempty"`
	// Thresholds are the defaults of the names that conditions use as threshold.<name>.
	Thresholds    map[string]float64 `json:"thresholds,omitempty"`
	Emails        []string           `json:"emails,omitempty"`
	Subscriptions []SubscriptionSpec `json:"subscriptions,omitempty"`
	KMSKeyID      *string            `json:"kms_key_id,omitempty"` // of the alert topic
}

// AlertRuleSpec is one alert: a condition and what follows from it.
type AlertRuleSpec struct {
	When            string  `json:"when"`               // AWS IoT SQL condition
	Severity        *string `json:"severity,omitempty"` // "info", "warning" or "critical"
	Message         *string `json:"message,omitempty"`  // substitution template
	Command         *string `json:"command,omitempty"`  // substitution template, sent to the device
	CooldownSeconds *int64  `json:"cooldown_seconds,omitempty"`
	NotifyResolved  *bool   `json:"notify_resolved,omitempty"`
}

// SubscriptionSpec is one subscription of the alert topic. Without severities it gets every alert.
type SubscriptionSpec struct {
	Protocol   string   `json:"protocol"`
	Endpoint   string   `json:"endpoint"`
	Severities []string `json:"severities,omitempty"`
}

// FunctionsSpec holds for every Lambda function of the pipeline.
type FunctionsSpec struct {
	Architecture     *string `json:"architecture,omitempty"` // "arm64" or "x86_64"
	LogRetentionDays *int64  `json:"log_retention_days,omitempty"`
	LogLevel         *string `json:"log_level,omitempty"` // "TRACE" to "FATAL"
	Tracing          *bool   `json:"tracing,omitempty"`
}
