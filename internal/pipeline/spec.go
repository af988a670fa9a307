package pipeline

// Spec describes one pipeline as the person wrote it. The JSON names are the
// attribute names of the Terraform resource. A nil pointer, map or slice means
// "not written"; what then holds is decided by Defaults and nowhere else. Written
// and empty is kept apart from not written (omitzero), so that an import gives back what was written.
type Spec struct {
	Name        string                `json:"name"`
	Region      *string               `json:"region,omitzero"`       // nil: the provider's
	TopicPrefix *string               `json:"topic_prefix,omitzero"` // nil: Name
	Devices     map[string]DeviceSpec `json:"devices,omitzero"`      // by thing name, which is the MQTT client id
	DevicesFrom *DevicesFromSpec      `json:"devices_from,omitzero"` // in place of Devices
	// Provisioning lets devices register themselves; nil: only the described ones exist.
	Provisioning *ProvisioningSpec    `json:"provisioning,omitzero"`
	Credentials  *CredentialsSpec     `json:"credentials,omitzero"`
	Stream       *StreamSpec          `json:"stream,omitzero"`
	Processor    *ProcessorSpec       `json:"processor,omitzero"`
	Telemetry    *TelemetrySpec       `json:"telemetry,omitzero"`
	Timestream   *TimestreamSpec      `json:"timestream,omitzero"` // nil: no time-series store
	DeviceState  *DeviceStateSpec     `json:"device_state,omitzero"`
	Archive      *ArchiveSpec         `json:"archive,omitzero"`
	Alerts       *AlertsSpec          `json:"alerts,omitzero"`
	Routes       map[string]RouteSpec `json:"routes,omitzero"` // by rule suffix
	Functions    *FunctionsSpec       `json:"functions,omitzero"`
	// PermissionsBoundary is the ARN of a managed policy that bounds every role of the pipeline.
	PermissionsBoundary *string           `json:"permissions_boundary,omitzero"`
	Tags                map[string]string `json:"tags,omitzero"`
	ForceDestroy        *bool             `json:"force_destroy,omitzero"`
	// DeepCheck says whether each read looks at every device's attachment and bundle; nil: with few devices. Nothing is built
	// from it; it is here so that the manifest keeps it for an import.
	DeepCheck *bool         `json:"deep_check,omitzero"`
	Timeouts  *TimeoutsSpec `json:"timeouts,omitzero"`
}

// TimeoutsSpec says how long each operation on the pipeline may take, in Go's
// notation ("30m"). Nothing is built from it; it is here so that the manifest keeps it for an import.
type TimeoutsSpec struct {
	Create *string `json:"create,omitzero"`
	Read   *string `json:"read,omitzero"`
	Update *string `json:"update,omitzero"`
	Delete *string `json:"delete,omitzero"`
}

// DeviceSpec is one device. At most one of CSRPEM and CertificatePEM is set;
// with neither, AWS makes the key pair.
type DeviceSpec struct {
	Attributes     map[string]string `json:"attributes,omitzero"`
	CSRPEM         *string           `json:"csr_pem,omitzero"`
	CertificatePEM *string           `json:"certificate_pem,omitzero"`
	Enabled        *bool             `json:"enabled,omitzero"`
}

// CredentialsSpec says where the credentials bundles of devices are kept.
type CredentialsSpec struct {
	Store    *string `json:"store,omitzero"` // "ssm" or "secretsmanager"
	Path     *string `json:"path,omitzero"`  // a bundle's name is Path + "/" + thing
	KMSKeyID *string `json:"kms_key_id,omitzero"`
}

// StreamSpec is the Kinesis stream.
type StreamSpec struct {
	Mode           *string `json:"mode,omitzero"`   // "on_demand" or "provisioned"
	Shards         *int64  `json:"shards,omitzero"` // only with "provisioned"
	RetentionHours *int64  `json:"retention_hours,omitzero"`
	KMSKeyID       *string `json:"kms_key_id,omitzero"`
}

// ProcessorSpec is the stream processor function and how the stream feeds it.
type ProcessorSpec struct {
	BatchSize             *int64  `json:"batch_size,omitzero"`
	BatchWindowSeconds    *int64  `json:"batch_window_seconds,omitzero"`
	ParallelizationFactor *int64  `json:"parallelization_factor,omitzero"`
	MemoryMB              *int64  `json:"memory_mb,omitzero"`
	TimeoutSeconds        *int64  `json:"timeout_seconds,omitzero"`
	MaxRetries            *int64  `json:"max_retries,omitzero"`
	MaxRecordAgeSeconds   *int64  `json:"max_record_age_seconds,omitzero"`
	Package               *string `json:"package,omitzero"` // path of a zip that replaces the shipped function
}

// TelemetrySpec says how a device's payload is read.
type TelemetrySpec struct {
	DataField *string `json:"data_field,omitzero"`
	TimeField *string `json:"time_field,omitzero"`
}

// TimestreamSpec is the Timestream LiveAnalytics database and table.
type TimestreamSpec struct {
	Database              *string `json:"database,omitzero"`
	Table                 *string `json:"table,omitzero"`
	MemoryRetentionHours  *int64  `json:"memory_retention_hours,omitzero"`
	MagneticRetentionDays *int64  `json:"magnetic_retention_days,omitzero"`
	Layout                *string `json:"layout,omitzero"` // "multi" or "single"
	KMSKeyID              *string `json:"kms_key_id,omitzero"`
}

// DeviceStateSpec is the DynamoDB table with the latest state of each device.
type DeviceStateSpec struct {
	TTLDays             *int64 `json:"ttl_days,omitzero"` // 0: never
	PointInTimeRecovery *bool  `json:"point_in_time_recovery,omitzero"`
}

// ArchiveSpec is the archive of raw telemetry in S3. The bucket's settings hold
// for the dead letters in it as well.
type ArchiveSpec struct {
	Enabled                     *bool   `json:"enabled,omitzero"`
	Prefix                      *string `json:"prefix,omitzero"`
	IntelligentTieringAfterDays *int64  `json:"intelligent_tiering_after_days,omitzero"` // 0: at once
	ExpireAfterDays             *int64  `json:"expire_after_days,omitzero"`              // nil: never
	KMSKeyID                    *string `json:"kms_key_id,omitzero"`
}

// AlertsSpec is what people are told about, and how.
type AlertsSpec struct {
	Rules map[string]AlertRuleSpec `json:"rules,omitzero"`
	// Thresholds are the defaults of the names that conditions use as threshold.<name>.
	Thresholds    map[string]float64 `json:"thresholds,omitzero"`
	Emails        []string           `json:"emails,omitzero"`
	Subscriptions []SubscriptionSpec `json:"subscriptions,omitzero"`
	KMSKeyID      *string            `json:"kms_key_id,omitzero"` // of the alert topic
}

// AlertRuleSpec is one alert: a condition and what follows from it.
type AlertRuleSpec struct {
	When            string  `json:"when"`              // AWS IoT SQL condition
	Severity        *string `json:"severity,omitzero"` // "info", "warning" or "critical"
	Message         *string `json:"message,omitzero"`  // substitution template
	Command         *string `json:"command,omitzero"`  // substitution template, sent to the device
	CooldownSeconds *int64  `json:"cooldown_seconds,omitzero"`
	NotifyResolved  *bool   `json:"notify_resolved,omitzero"`
}

// SubscriptionSpec is one subscription of the alert topic. Without severities it gets every alert.
type SubscriptionSpec struct {
	Protocol   string   `json:"protocol"`
	Endpoint   string   `json:"endpoint"`
	Severities []string `json:"severities,omitzero"`
}

// FunctionsSpec holds for every Lambda function of the pipeline.
type FunctionsSpec struct {
	Architecture     *string `json:"architecture,omitzero"` // "arm64" or "x86_64"
	LogRetentionDays *int64  `json:"log_retention_days,omitzero"`
	LogLevel         *string `json:"log_level,omitzero"` // "TRACE" to "FATAL"
	Tracing          *bool   `json:"tracing,omitzero"`
}
