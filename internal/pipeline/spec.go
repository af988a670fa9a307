package pipeline

// Spec describes one pipeline as the person wrote it. The JSON names are the attribute names of the Terraform
// resource. A nil pointer, map or slice means "not written"; Defaults decides what then applies. Written and empty
// differs from not written (omitzero), so that an import returns what was written. The blocks are defined in the
// files of their capabilities.
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
	InfluxDB     *InfluxDBSpec        `json:"influxdb,omitzero"`   // nil: no InfluxDB
	DeviceState  *DeviceStateSpec     `json:"device_state,omitzero"`
	Recent       *RecentSpec          `json:"recent,omitzero"`  // nil: no recent readings
	Metrics      *MetricsSpec         `json:"metrics,omitzero"` // nil: no metrics
	Archive      *ArchiveSpec         `json:"archive,omitzero"`
	Alerts       *AlertsSpec          `json:"alerts,omitzero"`
	Monitoring   *MonitoringSpec      `json:"monitoring,omitzero"` // nil: nobody watches the devices
	API          *APISpec             `json:"api,omitzero"`        // nil: no device management API
	Edge         *EdgeSpec            `json:"edge,omitzero"`       // nil: no device is a gateway
	Routes       map[string]RouteSpec `json:"routes,omitzero"`     // by rule suffix
	Functions    *FunctionsSpec       `json:"functions,omitzero"`
	// PermissionsBoundary is the ARN of a managed policy that bounds every role of the pipeline.
	PermissionsBoundary *string           `json:"permissions_boundary,omitzero"`
	Tags                map[string]string `json:"tags,omitzero"`
	ForceDestroy        *bool             `json:"force_destroy,omitzero"`
	// DeepCheck says whether each read looks at every device's attachment and bundle; nil: with few devices. Nothing
	// is built from it; it is here so that the manifest keeps it for an import.
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
