package pipeline

import (
	"maps"
	"strings"
)

// Values that hold where the description says nothing. Those that the schema
// documents are here and nowhere else.
const (
	DefaultSeverity            = "warning"
	DefaultCooldownSeconds     = 300
	DefaultStreamRetention     = 24 // hours; AWS's own default [AWS 5 Retention]
	DefaultBatchSize           = 100
	DefaultBatchWindowSeconds  = 1
	DefaultProcessorMemoryMB   = 256
	DefaultProcessorTimeout    = 60 // seconds
	DefaultMaxRetries          = 10
	DefaultMaxRecordAgeSeconds = day
	DefaultDataField           = "data"
	DefaultTimeField           = "timestamp"
	DefaultTimestreamTable     = "telemetry"
	DefaultMemoryRetention     = 24  // hours
	DefaultMagneticRetention   = 365 // days
	DefaultArchivePrefix       = "telemetry/"
	DefaultLogRetentionDays    = 30
	DefaultLogLevel            = "INFO"
)

// Defaults returns the effective description: every scalar that has a default
// is set, and every block that always takes effect is present. Timestream and
// alerts stay nil when they are not written, because then they do not exist.
// The argument is not changed.
func Defaults(s Spec) Spec {
	s.TopicPrefix = or(s.TopicPrefix, s.Name)
	s.ForceDestroy = or(s.ForceDestroy, false)
	s.Credentials = defaultCredentials(s)
	s.Stream = defaultStream(s.Stream)
	s.Processor = defaultProcessor(s.Processor)

	telemetry := deref(s.Telemetry)
	telemetry.DataField = or(telemetry.DataField, DefaultDataField)
	telemetry.TimeField = or(telemetry.TimeField, DefaultTimeField)
	s.Telemetry = &telemetry

	if s.Provisioning != nil && s.Provisioning.Claim != nil {
		claim := *s.Provisioning.Claim
		claim.CertificateVersion = or(claim.CertificateVersion, 1)
		s.Provisioning = &ProvisioningSpec{Claim: &claim, JITP: s.Provisioning.JITP}
	}

	if s.Timestream != nil {
		s.Timestream = defaultTimestream(*s.Timestream, s.Name)
	}

	state := deref(s.DeviceState)
	state.TTLDays = or(state.TTLDays, 0)
	state.PointInTimeRecovery = or(state.PointInTimeRecovery, true)
	s.DeviceState = &state

	archive := deref(s.Archive)
	archive.Enabled = or(archive.Enabled, true)
	archive.Prefix = or(archive.Prefix, DefaultArchivePrefix)
	if !strings.HasSuffix(*archive.Prefix, "/") {
		*archive.Prefix += "/"
	}
	s.Archive = &archive

	if s.Alerts != nil {
		s.Alerts = defaultAlerts(*s.Alerts)
	}

	functions := deref(s.Functions)
	functions.Architecture = or(functions.Architecture, "arm64")
	functions.LogRetentionDays = or(functions.LogRetentionDays, DefaultLogRetentionDays)
	functions.LogLevel = or(functions.LogLevel, DefaultLogLevel)
	functions.Tracing = or(functions.Tracing, false)
	s.Functions = &functions
	return s
}

func defaultCredentials(s Spec) *CredentialsSpec {
	c := deref(s.Credentials)
	c.Store = or(c.Store, "ssm")
	c.Path = or(c.Path, "/iot-pipeline/"+s.Name+"/devices")
	return &c
}

func defaultStream(s *StreamSpec) *StreamSpec {
	d := deref(s)
	d.Mode = or(d.Mode, "on_demand")
	d.RetentionHours = or(d.RetentionHours, DefaultStreamRetention)
	return &d
}

func defaultProcessor(s *ProcessorSpec) *ProcessorSpec {
	d := deref(s)
	d.BatchSize = or(d.BatchSize, DefaultBatchSize)
	d.BatchWindowSeconds = or(d.BatchWindowSeconds, DefaultBatchWindowSeconds)
	d.ParallelizationFactor = or(d.ParallelizationFactor, 1)
	d.MemoryMB = or(d.MemoryMB, DefaultProcessorMemoryMB)
	d.TimeoutSeconds = or(d.TimeoutSeconds, DefaultProcessorTimeout)
	d.MaxRetries = or(d.MaxRetries, DefaultMaxRetries)
	d.MaxRecordAgeSeconds = or(d.MaxRecordAgeSeconds, DefaultMaxRecordAgeSeconds)
	return &d
}

func defaultTimestream(t TimestreamSpec, name string) *TimestreamSpec {
	t.Database = or(t.Database, name)
	t.Table = or(t.Table, DefaultTimestreamTable)
	t.MemoryRetentionHours = or(t.MemoryRetentionHours, DefaultMemoryRetention)
	t.MagneticRetentionDays = or(t.MagneticRetentionDays, DefaultMagneticRetention)
	t.Layout = or(t.Layout, "multi")
	return &t
}

func defaultAlerts(a AlertsSpec) *AlertsSpec {
	a.Rules = maps.Clone(a.Rules)
	for key, r := range a.Rules {
		r.Severity = or(r.Severity, DefaultSeverity)
		r.Message = or(r.Message, "Alert "+key+" on ${thing}")
		r.CooldownSeconds = or(r.CooldownSeconds, DefaultCooldownSeconds)
		r.NotifyResolved = or(r.NotifyResolved, false)
		a.Rules[key] = r
	}
	return &a
}

// or returns p, or a pointer to a new variable holding otherwise. Pointers of
// the caller's own description are never written through.
func or[T any](p *T, otherwise T) *T {
	if p == nil {
		return &otherwise
	}
	v := *p
	return &v
}

// deref returns what p points to, or the zero value.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
