package spec

// The objects whose tags AWS gives with a call of their own: a refresh reads them only if there is a reason to. Those
// of roles, functions and APIs come with the object.

// WantedTags implements assembly.Tagged.
func (s Parameter) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s ThingGroup) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s ThingType) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s IoTPolicy) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s TopicRule) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s ProvisioningTemplate) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s CACertificate) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s RoleAlias) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s Stream) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s DeliveryStream) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s TimestreamDatabase) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s TimestreamTable) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s Table) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s Bucket) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s Topic) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s Queue) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s LogGroup) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s EventSource) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s GlueDatabase) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s Workgroup) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s MetricAlarm) WantedTags() map[string]string { return s.Tags }

// WantedTags implements assembly.Tagged.
func (s Dashboard) WantedTags() map[string]string { return s.Tags }
