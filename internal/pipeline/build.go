package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// Keys of parts that others name.
const (
	KeyManifest = "manifest"
	KeyFleet    = "fleet"
)

// builder holds what all parts are made from. It lives for one Build.
type builder struct {
	written Spec // as the person wrote it
	spec    Spec // effective
	env     Env
	names   names
	arn     arns
}

func newBuilder(spec Spec, env Env) *builder {
	return &builder{
		written: spec,
		spec:    Defaults(spec),
		env:     env,
		names:   names{pipeline: spec.Name, account: env.AccountID, region: env.Region},
		arn:     arns{partition: env.Partition, region: env.Region, account: env.AccountID},
	}
}

// Build gives the parts of the pipeline that spec describes, the manifest
// first. It expects a spec that Validate finds nothing wrong with; while some
// values are still unknown the keys, names and ARNs are right all the same.
//
// What there always is: manifest, thing group and type, policy, fleet, stream,
// device table, bucket (dead letters of whole batches need one), dead-letter
// queue, the processor with its role and log group, and the rules telemetry and
// status. Timestream exists when it is written, the archive rule unless it is
// switched off. The alert topic and its subscriptions exist with the alerts
// block, so that people keep their confirmed subscriptions while there is no
// rule; everything else about alerts exists with the first alert rule. What lets devices register themselves exists
// with the provisioning block.
func Build(spec Spec, env Env) ([]assembly.Part, error) {
	b := newBuilder(spec, env)
	parts := slices.Concat(b.identityParts(), b.storeParts(), b.alertStoreParts())
	for _, build := range []func() ([]assembly.Part, error){b.processorParts, b.alertsParts, b.provisioningParts} {
		more, err := build()
		if err != nil {
			return nil, fmt.Errorf("building pipeline %q: %w", spec.Name, err)
		}
		parts = append(parts, more...)
	}
	parts = append(parts, b.ruleParts()...)
	manifest, err := b.manifest(parts)
	if err != nil {
		return nil, fmt.Errorf("building pipeline %q: %w", spec.Name, err)
	}
	return append([]assembly.Part{manifest}, parts...), nil
}

func (b *builder) prefix() string      { return *b.spec.TopicPrefix }
func (b *builder) hasTimestream() bool { return b.spec.Timestream != nil }
func (b *builder) hasAlertTopic() bool { return b.spec.Alerts != nil }
func (b *builder) hasAlertRules() bool { return b.spec.Alerts != nil && len(b.spec.Alerts.Rules) > 0 }
func (b *builder) timestreamARN() string {
	return b.arn.timestreamTable(*b.spec.Timestream.Database, *b.spec.Timestream.Table)
}

// part is a part whose spec depends on no other part's record. Every part needs
// the manifest, so that whatever exists can be found from it.
func (b *builder) part(key, kind, name, arn string, needs []string, want any) assembly.Part {
	if len(needs) == 0 {
		needs = []string{KeyManifest}
	}
	return assembly.Part{Key: key, Kind: kind, Name: name, ARN: arn, Needs: sorted(needs),
		Want: func(assembly.Upstream) (any, error) { return want, nil }}
}

// identityParts are what devices are and may do.
func (b *builder) identityParts() []assembly.Part {
	name, tags := b.names.pipeline, b.env.Tags
	describe := "Devices of pipeline " + name
	return []assembly.Part{
		b.part("thing_group", object.KindThingGroup, name, b.arn.thingGroup(name), nil,
			object.ThingGroup{Description: describe, Tags: tags}),
		b.part("thing_type", object.KindThingType, name, b.arn.thingType(name), nil,
			object.ThingType{Description: describe, Tags: tags}),
		b.part("policy", object.KindIoTPolicy, name, b.arn.policy(name), []string{"thing_group"},
			object.IoTPolicy{Document: b.devicePolicy(), TargetARN: b.arn.thingGroup(name), Tags: tags}),
		b.part(KeyFleet, object.KindFleet, name, "", []string{"policy", "thing_group", "thing_type"}, b.fleet()),
	}
}

func (b *builder) fleet() object.Fleet {
	devices := make(map[string]object.Device, len(b.spec.Devices))
	for name, d := range b.spec.Devices {
		devices[name] = object.Device{Attributes: d.Attributes, CSRPEM: deref(d.CSRPEM), CertificatePEM: deref(d.CertificatePEM),
			Disabled: d.Enabled != nil && !*d.Enabled}
	}
	if b.spec.DevicesFrom != nil {
		devices = b.env.Roster
	}
	c := b.spec.Credentials
	return object.Fleet{
		ThingGroup: b.names.pipeline, ThingType: b.names.pipeline, Devices: devices,
		Store:    object.CredentialsStore{Kind: *c.Store, Path: *c.Path, KMSKeyID: b.arn.key(deref(c.KMSKeyID))},
		Endpoint: b.env.MQTTEndpoint, TopicPrefix: b.prefix(), Tags: b.env.Tags,
	}
}

// ruleParts are all topic rules with their roles.
func (b *builder) ruleParts() []assembly.Part {
	parts := b.streamRules()
	if b.hasAlertRules() {
		parts = append(parts, b.alertRule()...)
	}
	if *b.spec.Archive.Enabled {
		parts = append(parts, b.archiveRule()...)
	}
	for _, key := range sortedKeys(b.spec.Routes) {
		parts = append(parts, b.route(key, b.spec.Routes[key])...)
	}
	return parts
}

// queueURL gives the dead-letter queue's URL, which depends on the endpoint that answered.
func queueURL(up assembly.Upstream) (string, error) {
	if url := up["dead_letters"].Outputs["url"]; url != "" {
		return url, nil
	}
	return "", errors.New("the record of the dead-letter queue holds no URL")
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

func itoa(n int) string { return strconv.Itoa(n) }
