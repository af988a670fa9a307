package pipeline

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Arguments of edge.greengrass.
var (
	GreengrassMaximumPerMinute = Limit{Min: 1, Max: 1000, Default: value(50), Source: "AWS IoT Jobs"}
	GreengrassStartPerMinute   = Limit{Min: 1, Max: 1000, Source: "AWS IoT Jobs"}
	GreengrassGrowthFactor     = Limit{Min: 2, Max: 5, Default: value(2), Source: "AWS IoT Jobs"}
	GreengrassGrowthAfter      = Limit{Min: 1, Max: 100_000, Default: value(10), Source: "this provider"}
	GreengrassAbortPercent     = Limit{Min: 0, Max: 100, Default: value(20), Source: "AWS IoT Jobs"}
	GreengrassAbortMinimum     = Limit{Min: 1, Max: 100_000, Default: value(3), Source: "this provider"}
	GreengrassTimeoutMinutes   = Limit{Min: 1, Max: 10_080, Default: value(60), Source: "AWS IoT Jobs"}
)

const (
	keyGreengrassBucket  = "greengrass/bucket"
	keyGreengrassGroup   = "greengrass/thing_group"
	keyGreengrassMembers = "greengrass/gateways"
	keyGreengrassAlias   = "greengrass/role_alias"
	// tokenSeconds is how long the credentials of a core device hold; AWS's own default.
	tokenSeconds = 3600
)

// GreengrassSpec deploys iot-edge to gateways that are core devices of Greengrass V2.
type GreengrassSpec struct {
	Artifacts map[string]string  `json:"artifacts"` // paths of the zips of iot-edge, by architecture
	Rollback  *bool              `json:"rollback,omitzero"`
	Rollout   *GreengrassRollout `json:"rollout,omitzero"`
}

// GreengrassRollout is how fast gateways get a new deployment, and what stops it.
type GreengrassRollout struct {
	MaximumPerMinute *int64 `json:"maximum_per_minute,omitzero"`
	StartPerMinute   *int64 `json:"start_per_minute,omitzero"` // nil: the maximum from the beginning on
	GrowthFactor     *int64 `json:"growth_factor,omitzero"`
	GrowthAfter      *int64 `json:"growth_after,omitzero"`
	AbortPercent     *int64 `json:"abort_percent,omitzero"`
	AbortMinimum     *int64 `json:"abort_minimum,omitzero"`
	TimeoutMinutes   *int64 `json:"timeout_minutes,omitzero"`
}

// Greengrass says what whoever sets up a gateway has to know.
type Greengrass struct {
	RoleAlias  string `json:"role_alias"`
	ThingGroup string `json:"thing_group"`
	Component  string `json:"component"`
}

// greengrass brings iot-edge to gateways as a component: its artifacts in a bucket of their own, the component, and its
// deployment to a thing group that the gateways are in. Core devices get the artifacts with credentials of a role, by
// their own certificates.
func greengrass() capability {
	return capability{
		shapes: []shape{
			{arguments: []string{"edge", "edge.greengrass"}, parts: true, outputs: []string{"greengrass"}},
			{arguments: []string{"devices", "devices.*", "devices.*.gateway", "devices_from", "devices_from.file"},
				parts: true},
		},
		check: func(c *checker, s Spec) { c.checkGreengrass(s) },
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) {
			if b.hasGreengrass() {
				out.Greengrass = &Greengrass{RoleAlias: b.names.roleAlias(), ThingGroup: b.names.gateways(),
					Component: b.names.component()}
			}
		},
	}
}

func (b *builder) hasGreengrass() bool { return b.hasEdge() && b.config.Edge.Greengrass != nil }

// greengrassParts reads the artifacts, which other parts do not need to know.
func (b *builder) greengrassParts() ([]assembly.Part, error) {
	if !b.hasGreengrass() {
		return nil, nil
	}
	component, err := b.component()
	if err != nil {
		return nil, err
	}
	group, members := b.names.gateways(), b.gateways()
	alias, policyName, name := b.names.roleAlias(), b.names.greengrassPolicy(), b.names.component()
	parts := []assembly.Part{
		b.artifactBucket(),
		b.greengrassLog(),
		b.tokenRole(),
		b.part(keyGreengrassAlias, spec.KindRoleAlias, alias, b.arn.roleAlias(alias), []string{"role/greengrass"},
			spec.RoleAlias{RoleARN: b.arn.role(b.names.role("greengrass")), DurationSeconds: tokenSeconds,
				Tags: b.env.Tags}),
		b.part(keyGreengrassGroup, spec.KindThingGroup, group, b.arn.thingGroup(group), nil, spec.ThingGroup{
			Description: "Gateways of pipeline " + b.config.Name + " that run Greengrass", Tags: b.env.Tags}),
		b.part("policy/greengrass", spec.KindIoTPolicy, policyName, b.arn.policy(policyName),
			[]string{keyGreengrassAlias, keyGreengrassGroup}, spec.IoTPolicy{Document: b.corePolicy(),
				TargetARN: b.arn.thingGroup(group), Tags: b.env.Tags}),
		b.part(contract.KeyComponent, spec.KindComponent, name, b.arn.component(name), []string{keyGreengrassBucket},
			component),
		b.part("greengrass/deployment", spec.KindDeployment, group, "",
			[]string{contract.KeyComponent, keyGreengrassGroup, "policy/greengrass"}, b.deployment(component.Version)),
	}
	if len(members) > 0 { // a file may have none yet
		parts = append(parts, b.part(keyGreengrassMembers, spec.KindGroupMembers, group, "",
			[]string{KeyFleet, keyGreengrassGroup}, spec.GroupMembers{Things: members}))
	}
	return parts, nil
}

// gateways are the devices that are gateways, sorted.
func (b *builder) gateways() []string {
	var names []string
	for name, d := range b.devices() {
		if d.Gateway {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// artifactBucket holds what core devices download, and nothing else.
func (b *builder) artifactBucket() assembly.Part {
	name := b.names.artifactBucket()
	arn := b.arn.bucket(name)
	return b.part(keyGreengrassBucket, spec.KindBucket, name, arn, nil, spec.Bucket{
		Policy: policy(denyPlain("s3:*", arn, arn+"/*")),
		Lifecycle: []spec.LifecycleRule{{ID: "housekeeping", NoncurrentExpireDays: replacedDays,
			AbortMultipartUploadDays: abortUploadDays, ExpiredObjectDeleteMarkers: true}},
		ForceDestroy: true,
		Tags:         b.env.Tags,
	})
}

// greengrassLog is where AWS's log manager, which the user may deploy besides, puts the log of the component.
func (b *builder) greengrassLog() assembly.Part {
	name := b.names.componentLog()
	return b.part("log_group/greengrass", spec.KindLogGroup, name, b.arn.logGroup(name), nil,
		spec.LogGroup{RetentionDays: int32(*b.config.Functions.LogRetentionDays), Tags: b.env.Tags})
}

// tokenRole is what a core device may do in AWS with its certificate: read artifacts and write the log. AWS documents
// no source condition for the credentials provider. The role cannot be used for others: a role alias names a role of
// its own account, and only who may pass the role can make one.
func (b *builder) tokenRole() assembly.Part {
	bucket := b.arn.bucket(b.names.artifactBucket())
	trusted := policy(statement{Effect: "Allow", Principal: principal{Service: "credentials.iot.amazonaws.com"},
		Action: []string{"sts:AssumeRole"}})
	return b.role("greengrass", "Gateways of pipeline "+b.config.Name+" that run Greengrass", trusted, []statement{
		allow([]string{"s3:GetObject"}, bucket+"/"+artifactPrefix+"*"),
		allow([]string{"s3:GetBucketLocation"}, bucket),
		allow([]string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
			b.arn.logGroup(b.names.componentLog())+":*"),
	})
}

// corePolicy is AWS's minimal policy of a core device [Device authentication and authorization for AWS IoT Greengrass]
// beside what every device may: a certificate is attached to one thing only, so that AWS IoT knows the thing whatever
// the client ID is. The nucleus is the client "<thing>" and "<thing>#2" and so on, iot-edge "<thing>#edge".
func (b *builder) corePolicy() string {
	own := "$aws/things/" + thisThing
	connect := allow([]string{"iot:Connect"}, b.arn.client(thisThing+"#*"))
	connect.Condition = conditions{"Bool": {"iot:Connection.Thing.IsAttached": {"true"}}}
	return policy(connect,
		allow([]string{"iot:Publish"}, b.arn.iotTopic(own+"/greengrass/health/json"),
			b.arn.iotTopic(own+"/greengrassv2/health/json"), b.arn.iotTopic(own+"/jobs/*")),
		allow([]string{"iot:Receive"}, b.arn.iotTopic(own+"/jobs/*")),
		allow([]string{"iot:Subscribe"}, b.arn.iotFilter(own+"/jobs/*")),
		allow([]string{"iot:AssumeRoleWithCertificate"}, b.arn.roleAlias(b.names.roleAlias())),
		// By HTTP: there is no connection that a thing could be known by.
		allow([]string{"greengrass:GetComponentVersionArtifact", "greengrass:GetDeploymentConfiguration",
			"greengrass:ListThingGroupsForCoreDevice", "greengrass:ResolveComponentCandidates"}, "*"))
}

// component is a version for what the artifacts hold. If they are not on this machine, it stays as it is.
func (b *builder) component() (spec.Component, error) {
	c := spec.Component{Tags: b.env.Tags}
	artifacts := b.config.Edge.Greengrass.Artifacts
	var listed []recipeArtifact
	for _, architecture := range sortedKeys(artifacts) {
		sum, content, err := b.env.Artifact(architecture, artifacts[architecture])
		var keep *KeepError
		if errors.As(err, &keep) {
			return spec.Component{Tags: b.env.Tags}, nil
		}
		if err != nil {
			return c, err
		}
		a := spec.Artifact{Bucket: b.names.artifactBucket(), SHA256: sum, Content: content,
			Key: artifactPrefix + hex.EncodeToString(sum) + "/" + artifactFile}
		c.Artifacts = append(c.Artifacts, a)
		listed = append(listed, recipeArtifact{architecture, a.URI()})
	}
	c.Version = versionOf(b.recipe("0.0.0", listed))
	c.Recipe = b.recipe(c.Version, listed)
	return c, nil
}

// versionOf is a semantic version that follows from the content: the same recipe is the same version. AWS wants numbers
// of at most 31 bits; two of them do not meet by chance.
func versionOf(recipe string) string {
	sum := sha256.Sum256([]byte(recipe))
	return fmt.Sprintf("1.%d.%d", binary.BigEndian.Uint32(sum[:])>>1, binary.BigEndian.Uint32(sum[4:])>>1)
}

func (b *builder) deployment(version string) spec.Deployment {
	g := b.config.Edge.Greengrass
	r := block(g.Rollout)
	rollout := spec.Rollout{
		MaximumPerMinute: int32(*GreengrassMaximumPerMinute.Or(r.MaximumPerMinute)),
		AbortPercent:     int32(*GreengrassAbortPercent.Or(r.AbortPercent)),
		TimeoutMinutes:   *GreengrassTimeoutMinutes.Or(r.TimeoutMinutes),
	}
	if rollout.AbortPercent != 0 {
		rollout.AbortMinimum = int32(*GreengrassAbortMinimum.Or(r.AbortMinimum))
	}
	if r.StartPerMinute != nil {
		rollout.StartPerMinute = int32(*r.StartPerMinute)
		rollout.GrowthFactor = int32(*GreengrassGrowthFactor.Or(r.GrowthFactor))
		rollout.GrowthAfter = int32(*GreengrassGrowthAfter.Or(r.GrowthAfter))
	}
	settings, number := b.gatewaySettings()
	return spec.Deployment{
		TargetARN: b.arn.thingGroup(b.names.gateways()), Name: b.config.Name,
		Component: b.names.component(), Version: version,
		Configuration: encode(map[string]string{settingsMember: settings, versionMember: fmt.Sprint(number)}),
		Rollback:      *or(g.Rollback, true), Rollout: rollout, Tags: b.env.Tags,
	}
}

func (c *checker) checkGreengrass(s Spec) {
	const path = "edge.greengrass"
	if s.Edge == nil || s.Edge.Greengrass == nil || !c.known("edge") || !c.known(path) {
		return
	}
	g := s.Edge.Greengrass
	described := slices.Collect(maps.Values(gatewaysOf(s.Devices)))
	if c.known("devices") && s.DevicesFrom == nil && !slices.Contains(described, true) {
		c.fail(path, "No device is a gateway", "Greengrass is for devices that are gateways. Write gateway = {} of at "+
			"least one device, or remove greengrass.")
	}
	if c.known(path + ".artifacts") {
		if len(g.Artifacts) == 0 {
			c.fail(path+".artifacts", "artifacts is empty", "Name the zip of iot-edge from the release for the "+
				"architecture of the gateways: %s.", quoted(FunctionArchitectures.Values))
		}
		for _, architecture := range sortedKeys(g.Artifacts) {
			c.choice(at(path+".artifacts", architecture), &architecture, FunctionArchitectures)
		}
	}
	r := block(g.Rollout)
	for name, n := range map[string]struct {
		value *int64
		limit Limit
	}{
		"maximum_per_minute": {r.MaximumPerMinute, GreengrassMaximumPerMinute},
		"start_per_minute":   {r.StartPerMinute, GreengrassStartPerMinute},
		"growth_factor":      {r.GrowthFactor, GreengrassGrowthFactor},
		"growth_after":       {r.GrowthAfter, GreengrassGrowthAfter},
		"abort_percent":      {r.AbortPercent, GreengrassAbortPercent},
		"abort_minimum":      {r.AbortMinimum, GreengrassAbortMinimum},
		"timeout_minutes":    {r.TimeoutMinutes, GreengrassTimeoutMinutes},
	} {
		c.number(path+".rollout."+name, n.value, n.limit)
	}
	if r.StartPerMinute == nil && (r.GrowthFactor != nil || r.GrowthAfter != nil) &&
		c.known(path+".rollout") && c.known(path+".rollout.start_per_minute") {
		c.fail(path+".rollout", "The rate of the rollout cannot grow", "growth_factor and growth_after are about the "+
			"rate that a rollout begins with. Set start_per_minute, or remove them.")
	}
}
