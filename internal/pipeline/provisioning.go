package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
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

// claimClients is how the client ids start under which a claim certificate may connect. No thing of a pipeline can be called
// so, since bundles may not hold a colon in their names: who has stolen the certificate cannot disconnect a device.
const claimClients = "claim:"

func (b *builder) hasClaim() bool {
	return b.spec.Provisioning != nil && b.spec.Provisioning.Claim != nil
}
func (b *builder) hasJITP() bool {
	return b.spec.Provisioning != nil && b.spec.Provisioning.JITP != nil
}

// claimBundle is the name of the parameter or secret with the claim certificate; no device's bundle can have it.
func (b *builder) claimBundle() string { return *b.spec.Credentials.Path + "-claim" }

// Registration says what devices that register themselves, and those who let them, have to know. Nil means that there is no such way.
type Registration struct {
	ClaimTemplate    *string `json:"claim_template"`    // name of the provisioning template
	ClaimCredentials *string `json:"claim_credentials"` // name of the parameter or secret with the claim certificate
	AllowListTable   *string `json:"allow_list_table"`
	JITPTemplate     *string `json:"jitp_template"`
	CACertificateID  *string `json:"ca_certificate_id"`
}

func (b *builder) registration() *Registration {
	if b.spec.Provisioning == nil {
		return nil
	}
	r := &Registration{}
	if b.hasClaim() {
		r.ClaimTemplate, r.ClaimCredentials, r.AllowListTable = ptr(b.names.template()), ptr(b.claimBundle()), ptr(b.names.allowList())
	}
	if b.hasJITP() {
		r.JITPTemplate, r.CACertificateID = ptr(b.names.jitpTemplate()), ptr(certificateID(b.spec.Provisioning.JITP.CACertificatePEM))
	}
	return r
}

// provisioningParts are what lets devices register themselves. The templates need the fleet: a destroy then closes the door
// before it looks who is inside.
func (b *builder) provisioningParts() ([]assembly.Part, error) {
	if b.spec.Provisioning == nil {
		return nil, nil
	}
	parts := []assembly.Part{b.registrationRole()}
	if b.hasClaim() {
		claim, err := b.claimParts()
		if err != nil {
			return nil, err
		}
		parts = append(parts, claim...)
	}
	if b.hasJITP() {
		parts = append(parts, b.jitpParts()...)
	}
	return parts, nil
}

func (b *builder) claimParts() ([]assembly.Part, error) {
	c, tags := b.spec.Provisioning.Claim, b.env.Tags
	list, template, policy := b.names.allowList(), b.names.template(), b.names.claimPolicy()
	hook, err := b.hook()
	if err != nil {
		return nil, err
	}
	store := object.CredentialsStore{Kind: *b.spec.Credentials.Store, Path: b.claimBundle(), KMSKeyID: b.arn.key(deref(b.spec.Credentials.KMSKeyID))}
	return []assembly.Part{
		b.part("provisioning/allow_list", object.KindTable, list, b.arn.table(list), nil,
			object.Table{HashKey: "serial", PointInTimeRecovery: *b.spec.DeviceState.PointInTimeRecovery, Tags: tags}),
		b.functionRole("provisioning", needs.Provisioning()),
		b.logGroup("provisioning"),
		hook,
		b.part("provisioning/template", object.KindTemplate, template, b.arn.template(template), []string{KeyFleet, "function/provisioning", "role/registration"},
			object.ProvisioningTemplate{
				Type:        object.TemplateFleetProvisioning,
				Description: "Devices of pipeline " + b.spec.Name + " that register with its claim certificate",
				Body:        b.templateBody(object.RegisteredByClaim, parameterSerial, deref(c.ThingNamePrefix), c.Attributes),
				RoleARN:     b.arn.role(b.names.role("registration")),
				HookARN:     b.arn.function(b.names.function("provisioning")),
				Tags:        tags,
			}),
		b.part("policy/claim", object.KindIoTPolicy, policy, b.arn.policy(policy), nil, object.IoTPolicy{Document: b.claimPolicy(), Tags: tags}),
		b.part("provisioning/claim", object.KindClaimCertificate, b.claimBundle(), "", []string{"policy/claim", "provisioning/template"}, object.ClaimCertificate{
			Subject: policy, Version: *c.CertificateVersion, Policy: policy, Store: store, Endpoint: b.env.MQTTEndpoint, Template: template, Tags: tags,
		}),
	}, nil
}

// hook is the function that decides who may register.
func (b *builder) hook() (assembly.Part, error) {
	c := b.spec.Provisioning.Claim
	template := b.arn.template(b.names.template())
	part, err := b.function("provisioning", nil, object.Function{
		Description:    "Decides which devices may register with pipeline " + b.spec.Name,
		MemoryMB:       hookMemoryMB,
		TimeoutSeconds: hookTimeoutSeconds,
		Permissions: []object.Permission{{StatementID: "provisioning-template", Principal: "iot.amazonaws.com",
			SourceARN: template, SourceAccount: b.env.AccountID}},
	}, map[string]string{
		"IOT_ALLOW_LIST_TABLE":  b.names.allowList(),
		"IOT_TEMPLATE_ARN":      template,
		"IOT_THING_NAME_PREFIX": deref(c.ThingNamePrefix),
		"IOT_ATTRIBUTES":        strings.Join(sorted(slices.Clone(c.Attributes)), ","),
		"IOT_OWNER":             b.env.Owner,
	})
	part.Needs = sorted(append(part.Needs, "provisioning/allow_list"))
	return part, err
}

func (b *builder) jitpParts() []assembly.Part {
	j, template := b.spec.Provisioning.JITP, b.names.jitpTemplate()
	id := certificateID(j.CACertificatePEM)
	return []assembly.Part{
		b.part("provisioning/jitp_template", object.KindTemplate, template, b.arn.template(template), []string{KeyFleet, "role/registration"},
			object.ProvisioningTemplate{
				Type:        object.TemplateJITP,
				Description: "Devices of pipeline " + b.spec.Name + " that register when they first connect",
				Body:        b.templateBody(object.RegisteredByCA, parameterCommonName, deref(j.ThingNamePrefix), nil),
				RoleARN:     b.arn.role(b.names.role("registration")),
				Tags:        b.env.Tags,
			}),
		b.part("provisioning/ca", object.KindCACertificate, id, b.arn.caCert(id), []string{"provisioning/jitp_template"},
			object.CACertificate{CertificatePEM: j.CACertificatePEM, Template: template, Tags: b.env.Tags}),
	}
}

// templateBody is a provisioning template [AWS 4 Template sections]. A thing that exists already keeps its attributes and its type:
// a described device does not become a registered one. It names no policy, the group has one.
func (b *builder) templateBody(how, identity, prefix string, attributes []string) string {
	type m = map[string]any
	text, ref := m{"Type": "String"}, func(parameter string) m { return m{"Ref": parameter} }
	parameters := m{identity: text, parameterCertificate: text}
	payload := m{object.ThingOwnerAttribute: b.env.Owner, object.ThingRegisteredAttribute: how}
	for _, name := range attributes {
		parameters[name], payload[name] = text, ref(name)
	}
	var name any = ref(identity)
	if prefix != "" {
		name = m{"Fn::Join": []any{"", []any{prefix, ref(identity)}}}
	}
	return encode(m{"Parameters": parameters, "Resources": m{
		"thing": m{
			"Type":             "AWS::IoT::Thing",
			"Properties":       m{"ThingName": name, "AttributePayload": payload, "ThingTypeName": b.names.pipeline, "ThingGroups": []string{b.names.pipeline}},
			"OverrideSettings": m{"AttributePayload": "DO_NOTHING", "ThingTypeName": "DO_NOTHING", "ThingGroups": "MERGE"},
		},
		"certificate": m{"Type": "AWS::IoT::Certificate", "Properties": m{"CertificateId": ref(parameterCertificate), "Status": "ACTIVE"}},
	}})
}

// claimPolicy lets a claim certificate ask for a certificate and register with it, and do nothing else [AWS 4 Claim policy needs].
func (b *builder) claimPolicy() string {
	topics := []string{"$aws/certificates/create/*", "$aws/certificates/create-from-csr/*", "$aws/provisioning-templates/" + b.names.template() + "/provision/*"}
	var names, filters []string
	for _, topic := range topics {
		names, filters = append(names, b.arn.iotTopic(topic)), append(filters, b.arn.iotFilter(topic))
	}
	return policy(
		allow([]string{"iot:Connect"}, b.arn.client(claimClients+"*")),
		allow([]string{"iot:Publish", "iot:Receive"}, names...),
		allow([]string{"iot:Subscribe"}, filters...),
	)
}

// registrationRole is the role with which AWS IoT makes things for devices. AWS's managed policy for it allows whatever the registry
// knows, policies included, on every object; this one allows what the templates ask for, on the pipeline's own.
func (b *builder) registrationRole() assembly.Part {
	var things []string
	if b.hasClaim() {
		things = append(things, b.arn.thing(deref(b.spec.Provisioning.Claim.ThingNamePrefix)+"*"))
	}
	if b.hasJITP() {
		things = append(things, b.arn.thing(deref(b.spec.Provisioning.JITP.ThingNamePrefix)+"*"))
	}
	objects := append([]string{b.arn.cert("*"), b.arn.thingGroup(b.names.pipeline), b.arn.thingType(b.names.pipeline)}, things...)
	return b.role("registration", "Registers devices of pipeline "+b.spec.Name,
		// The one form of source that is documented for AWS IoT at large [AWS 2.1 Role trust].
		trust("iot.amazonaws.com", b.env.AccountID, b.arn.in("iot", "*")),
		[]statement{
			allow([]string{
				"iot:AddThingToThingGroup", "iot:AttachThingPrincipal", "iot:CreateThing", "iot:DescribeCertificate", "iot:DescribeThing", "iot:DescribeThingGroup",
				"iot:DescribeThingType", "iot:ListThingGroupsForThing", "iot:ListThingPrincipals", "iot:UpdateCertificate", "iot:UpdateThing", "iot:UpdateThingGroupsForThing",
			}, sorted(objects)...),
			// These take no resource.
			allow([]string{"iot:ListPrincipalThings", "iot:RegisterCertificate", "iot:RegisterThing"}, "*"),
		})
}

// certificateID is how AWS IoT names a certificate: the SHA-256 of its DER form in hex [AWS 1.3 certificate id]. Text that is no
// certificate has one too, so that a plan can be made before it is known.
func certificateID(text string) string {
	content := []byte(text)
	if block, _ := pem.Decode(content); block != nil {
		content = block.Bytes
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func ptr[T any](v T) *T { return &v }
