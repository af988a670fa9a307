package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// Parameters of a provisioning template. AWS gives those that start with AWS::IoT:: [AWS 4 JITP, Claim flow].
const (
	parameterSerial      = "SerialNumber"
	parameterCertificate = "AWS::IoT::Certificate::Id"
	parameterCommonName  = "AWS::IoT::Certificate::CommonName"
)

// The hook reads one item and writes it once. AWS IoT waits five seconds for it [AWS 4 Pre-provisioning hook].
const (
	hookMemoryMB       = 128
	hookTimeoutSeconds = 5
)

// ClaimCertificateVersion limits provisioning.claim.certificate_version.
var ClaimCertificateVersion = Limit{Min: 1, Max: 999_999, Default: value(1), Source: "this provider"}

// ProvisioningSpec lets devices register themselves. At least one way is written.
type ProvisioningSpec struct {
	Claim *ClaimSpec `json:"claim,omitzero"`
	JITP  *JITPSpec  `json:"jitp,omitzero"`
}

// ClaimSpec is AWS IoT's fleet provisioning by claim: all devices leave the factory with one claim certificate, with
// which each asks for a certificate of its own. A serial must be on the allow-list.
type ClaimSpec struct {
	ThingNamePrefix *string `json:"thing_name_prefix,omitzero"` // before the serial; nil: none
	// Attributes are parameters of the registration that become attributes of the thing. Each must get a value from
	// the device or from the allow-list.
	Attributes []string `json:"attributes,omitzero"`
	// CertificateVersion makes another claim certificate when it changes; nil: 1.
	CertificateVersion *int64 `json:"certificate_version,omitzero"`
}

// JITPSpec is just-in-time provisioning: devices that have a certificate of the given authority are registered when
// they first connect.
type JITPSpec struct {
	CACertificatePEM string  `json:"ca_certificate_pem"`
	ThingNamePrefix  *string `json:"thing_name_prefix,omitzero"` // before the certificate's common name; nil: none
}

// provisioning lets devices register themselves. It exists when its block is written. The templates need the fleet, so
// that a destroy stops new registrations before it looks for registered devices.
func provisioning() capability {
	return capability{
		// The ID of the authority is computed from its certificate.
		shapes: []shape{{arguments: []string{"provisioning", "provisioning.*", "provisioning.jitp.ca_certificate_pem"},
			parts: true, outputs: []string{"registration", "function_arns"}}},
		defaults: func(s *Spec) {
			if s.Provisioning == nil || s.Provisioning.Claim == nil {
				return
			}
			claim := block(s.Provisioning.Claim)
			claim.CertificateVersion = ClaimCertificateVersion.Or(claim.CertificateVersion)
			s.Provisioning = &ProvisioningSpec{Claim: claim, JITP: s.Provisioning.JITP}
		},
		check: func(c *checker, s Spec) { c.checkProvisioning(s.Provisioning) },
		parts: func(b *builder) []assembly.Part {
			if b.config.Provisioning == nil {
				return nil
			}
			parts := []assembly.Part{b.registrationRole()}
			if b.hasClaim() {
				parts = append(parts, b.claimParts()...)
			}
			if b.hasJITP() {
				parts = append(parts, b.jitpParts()...)
			}
			return parts
		},
		function: &function{
			name: "provisioning", exists: (*builder).hasClaim, configure: (*builder).hook,
			parts: []string{"provisioning/allow_list"},
		},
		resources: func(b *builder) map[needs.Resource]string {
			if !b.hasClaim() {
				return nil
			}
			return map[needs.Resource]string{
				needs.AllowList: b.arn.table(b.names.allowList()),
				needs.Things:    b.arn.thing(deref(b.config.Provisioning.Claim.ThingNamePrefix) + "*"),
			}
		},
		outputs: func(b *builder, _ assembly.Upstream, out *Outputs) { out.Registration = b.registration() },
	}
}

func (b *builder) hasClaim() bool {
	return b.config.Provisioning != nil && b.config.Provisioning.Claim != nil
}
func (b *builder) hasJITP() bool {
	return b.config.Provisioning != nil && b.config.Provisioning.JITP != nil
}

// claimBundle is the name of the parameter or secret with the claim certificate; no device's bundle can have it.
func (b *builder) claimBundle() string { return contract.ClaimBundleName(*b.config.Credentials.Path) }

// Registration says what devices that register themselves, and those who let them, have to know. Nil means that there
// is no such way.
type Registration struct {
	ClaimTemplate    *string `json:"claim_template"`    // name of the provisioning template
	ClaimCredentials *string `json:"claim_credentials"` // name of the parameter or secret with the claim certificate
	AllowListTable   *string `json:"allow_list_table"`
	JITPTemplate     *string `json:"jitp_template"`
	CACertificateID  *string `json:"ca_certificate_id"`
}

func (b *builder) registration() *Registration {
	if b.config.Provisioning == nil {
		return nil
	}
	r := &Registration{}
	if b.hasClaim() {
		r.ClaimTemplate = ptr(b.names.template())
		r.ClaimCredentials = ptr(b.claimBundle())
		r.AllowListTable = ptr(b.names.allowList())
	}
	if b.hasJITP() {
		r.JITPTemplate = ptr(b.names.jitpTemplate())
		r.CACertificateID = ptr(certificateID(b.config.Provisioning.JITP.CACertificatePEM))
	}
	return r
}

func (b *builder) claimParts() []assembly.Part {
	c, tags := b.config.Provisioning.Claim, b.env.Tags
	list, template, policy := b.names.allowList(), b.names.template(), b.names.claimPolicy()
	return []assembly.Part{
		b.part(
			"provisioning/allow_list",
			spec.KindTable,
			list,
			b.arn.table(list),
			nil,
			spec.Table{
				HashKey:             contract.SerialKey,
				PointInTimeRecovery: *b.config.DeviceState.PointInTimeRecovery,
				Tags:                tags,
			},
		),
		b.part(contract.KeyProvisioningTemplate, spec.KindTemplate, template, b.arn.template(template),
			[]string{KeyFleet, "function/provisioning", "role/registration"},
			spec.ProvisioningTemplate{
				Type:        spec.TemplateFleetProvisioning,
				Description: "Devices of pipeline " + b.config.Name + " that register with its claim certificate",
				Body: b.templateBody(contract.RegisteredByClaim, parameterSerial, deref(c.ThingNamePrefix),
					c.Attributes),
				RoleARN: b.arn.role(b.names.role("registration")),
				HookARN: b.arn.function(b.names.function("provisioning")),
				Tags:    tags,
			}),
		b.part("policy/claim", spec.KindIoTPolicy, policy, b.arn.policy(policy), nil,
			spec.IoTPolicy{Document: b.claimPolicy(), Tags: tags}),
		b.part(contract.KeyClaim, spec.KindClaimCertificate, b.claimBundle(), "",
			[]string{"policy/claim", contract.KeyProvisioningTemplate},
			spec.ClaimCertificate{
				Subject: policy, Version: *c.CertificateVersion, Policy: policy,
				Store: b.claimStore(), Endpoint: b.env.MQTTEndpoint, Template: template,
				Tags: tags,
			}),
	}
}

// hook is the function that decides which devices may register.
func (b *builder) hook() spec.Function {
	c := b.config.Provisioning.Claim
	template := b.arn.template(b.names.template())
	return spec.Function{
		Description:    "Decides which devices may register with pipeline " + b.config.Name,
		MemoryMB:       hookMemoryMB,
		TimeoutSeconds: hookTimeoutSeconds,
		Permissions: []spec.Permission{{StatementID: "provisioning-template", Principal: "iot.amazonaws.com",
			SourceARN: template, SourceAccount: b.env.AccountID}},
		Environment: map[string]string{
			contract.EnvAllowListTable:  b.names.allowList(),
			contract.EnvTemplateARN:     template,
			contract.EnvThingNamePrefix: deref(c.ThingNamePrefix),
			contract.EnvAttributes:      strings.Join(sorted(slices.Clone(c.Attributes)), ","),
			contract.EnvOwner:           b.env.Owner,
		},
	}
}

func (b *builder) jitpParts() []assembly.Part {
	j, template := b.config.Provisioning.JITP, b.names.jitpTemplate()
	id := certificateID(j.CACertificatePEM)
	return []assembly.Part{
		b.part("provisioning/jitp_template", spec.KindTemplate, template, b.arn.template(template),
			[]string{KeyFleet, "role/registration"},
			spec.ProvisioningTemplate{
				Type:        spec.TemplateJITP,
				Description: "Devices of pipeline " + b.config.Name + " that register when they first connect",
				Body: b.templateBody(contract.RegisteredByJITP, parameterCommonName, deref(j.ThingNamePrefix),
					nil),
				RoleARN: b.arn.role(b.names.role("registration")),
				Tags:    b.env.Tags,
			}),
		b.part("provisioning/ca", spec.KindCACertificate, id, b.arn.caCert(id), []string{"provisioning/jitp_template"},
			spec.CACertificate{CertificatePEM: j.CACertificatePEM, Template: template, Tags: b.env.Tags}),
	}
}

// templateBody is a provisioning template [AWS 4 Template sections]. A thing that exists already keeps its attributes
// and its type: a described device does not become a registered one. It names no policy, the group has one.
func (b *builder) templateBody(how, identity, prefix string, attributes []string) string {
	type m = map[string]any
	text, ref := m{"Type": "String"}, func(parameter string) m { return m{"Ref": parameter} }
	parameters := m{identity: text, parameterCertificate: text}
	payload := m{contract.OwnerAttribute: b.env.Owner, contract.RegisteredAttribute: how}
	for _, name := range attributes {
		parameters[name], payload[name] = text, ref(name)
	}
	var name any = ref(identity)
	if prefix != "" {
		name = m{"Fn::Join": []any{"", []any{prefix, ref(identity)}}}
	}
	return encode(m{"Parameters": parameters, "Resources": m{
		"thing": m{
			"Type": "AWS::IoT::Thing",
			"Properties": m{
				"ThingName":        name,
				"AttributePayload": payload,
				"ThingTypeName":    b.names.pipeline,
				"ThingGroups":      []string{b.names.pipeline},
			},
			"OverrideSettings": m{
				"AttributePayload": "DO_NOTHING",
				"ThingTypeName":    "DO_NOTHING",
				"ThingGroups":      "MERGE",
			},
		},
		"certificate": m{
			"Type":       "AWS::IoT::Certificate",
			"Properties": m{"CertificateId": ref(parameterCertificate), "Status": "ACTIVE"},
		},
	}})
}

// claimPolicy lets a claim certificate ask for a certificate and register with it, and do nothing else [AWS 4 Claim
// policy needs].
func (b *builder) claimPolicy() string {
	topics := []string{
		"$aws/certificates/create/*",
		"$aws/certificates/create-from-csr/*",
		"$aws/provisioning-templates/" + b.names.template() + "/provision/*",
	}
	var names, filters []string
	for _, topic := range topics {
		names, filters = append(names, b.arn.iotTopic(topic)), append(filters, b.arn.iotFilter(topic))
	}
	return policy(allow([]string{"iot:Connect"}, b.arn.client(contract.ClaimClientPrefix+"*")),
		allow([]string{"iot:Publish", "iot:Receive"}, names...), allow([]string{"iot:Subscribe"}, filters...))
}

// registrationRole is the role with which AWS IoT makes things for devices. AWS's managed policy for it allows
// whatever the registry knows, policies included, on every object; this one allows what the templates ask for, on the
// pipeline's own.
func (b *builder) registrationRole() assembly.Part {
	var things []string
	if b.hasClaim() {
		things = append(things, b.arn.thing(deref(b.config.Provisioning.Claim.ThingNamePrefix)+"*"))
	}
	if b.hasJITP() {
		things = append(things, b.arn.thing(deref(b.config.Provisioning.JITP.ThingNamePrefix)+"*"))
	}
	objects := append(
		[]string{b.arn.cert("*"), b.arn.thingGroup(b.names.pipeline), b.arn.thingType(b.names.pipeline)},
		things...)
	return b.role("registration", "Registers devices of pipeline "+b.config.Name,
		// The one form of source that is documented for AWS IoT at large [AWS 2.1 Role trust].
		trust("iot.amazonaws.com", b.env.AccountID, b.arn.in("iot", "*")),
		[]statement{
			allow([]string{
				"iot:AddThingToThingGroup", "iot:AttachThingPrincipal", "iot:CreateThing", "iot:DescribeCertificate",
				"iot:DescribeThing", "iot:DescribeThingGroup", "iot:DescribeThingType", "iot:ListThingGroupsForThing",
				"iot:ListThingPrincipals", "iot:UpdateCertificate", "iot:UpdateThing", "iot:UpdateThingGroupsForThing",
			}, sorted(objects)...),
			// These take no resource.
			allow([]string{"iot:ListPrincipalThings", "iot:RegisterCertificate", "iot:RegisterThing"}, "*"),
		})
}

// certificateID is how AWS IoT names a certificate: the SHA-256 of its DER form in hex [AWS 1.3 certificate id]. Text
// that is not a certificate has one too, so that a plan can be made before it is known.
func certificateID(text string) string {
	content := []byte(text)
	if block, _ := pem.Decode(content); block != nil {
		content = block.Bytes
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
