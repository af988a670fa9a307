package pipeline

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Keys of parts that others name.
const (
	KeyManifest = "manifest"
	KeyFleet    = "fleet"
	// KeyInfluxDBInstance is the part that knows its address only when it exists.
	KeyInfluxDBInstance = "influxdb/instance"
)

// builder holds what all parts are made from. It lives for one Build.
type builder struct {
	written Spec // as the person wrote it
	config  Spec // effective
	env     Env
	names   names
	arn     arns
	// telemetry is how the functions read payloads; "" if there are no settings.
	telemetry string
	// keepTelemetry leaves them as they are, because the file of the Protobuf message was not read.
	keepTelemetry bool
}

func newBuilder(config Spec, env Env) *builder {
	return &builder{
		written: config,
		config:  Defaults(config),
		env:     env,
		names:   names{pipeline: config.Name, account: env.AccountID, region: env.Region},
		arn:     arns{partition: env.Partition, region: env.Region, account: env.AccountID},
	}
}

// Build returns the parts of the pipeline that config describes, the manifest first. It expects a description in which
// Validate finds no error. While some values are still unknown, the keys, names and ARNs are correct anyway.
//
// Every pipeline has a manifest, a thing group and type, a policy, a fleet, a stream or a queue, a device table, a
// bucket, a dead-letter queue, the processor with its role and log group, and the rules telemetry and status. The file
// of each capability says when its other parts exist.
func Build(config Spec, env Env) ([]assembly.Part, error) {
	b := newBuilder(config, env)
	var err error
	if b.telemetry, err = b.telemetryOptions(); err != nil {
		return nil, fmt.Errorf("building pipeline %q: %w", config.Name, err)
	}
	var parts []assembly.Part
	for _, c := range capabilities() {
		if c.parts != nil {
			parts = append(parts, c.parts(b)...)
		}
	}
	more, err := b.functionParts()
	if err != nil {
		return nil, fmt.Errorf("building pipeline %q: %w", config.Name, err)
	}
	onGateways, err := b.greengrassParts()
	if err != nil {
		return nil, fmt.Errorf("building pipeline %q: %w", config.Name, err)
	}
	parts = slices.Concat(parts, onGateways, more, b.ownRuleParts())
	manifest, err := b.manifest(parts)
	if err != nil {
		return nil, fmt.Errorf("building pipeline %q: %w", config.Name, err)
	}
	return append([]assembly.Part{manifest}, parts...), nil
}

// part returns a part whose desired object depends on no other part's record. Every part needs the manifest, directly
// or through others, so that whatever exists can be found from it.
func (b *builder) part(key, kind, name, arn string, needs []string, want any) assembly.Part {
	if len(needs) == 0 {
		needs = []string{KeyManifest}
	}
	return assembly.Part{Key: key, Kind: kind, Name: name, ARN: arn, Needs: sorted(needs),
		Want: func(assembly.Upstream) (any, error) { return want, nil }}
}

// queueURL returns the URL of a queue, which only AWS knows.
func queueURL(up assembly.Upstream, key string) (string, error) {
	if url := up[key].Outputs[spec.QueueURLOutput]; url != "" {
		return url, nil
	}
	return "", fmt.Errorf("the record of the queue %s holds no URL", key)
}

// deadLettersURL returns the URL of the dead-letter queue.
func deadLettersURL(up assembly.Upstream) (string, error) { return queueURL(up, "dead_letters") }

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

func itoa(n int) string { return strconv.Itoa(n) }
