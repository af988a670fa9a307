package fleet

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/owned"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// Claims makes and keeps claim certificates: the certificate, the policy on it, and the bundle with its key. It implements
// assembly.Driver[object.ClaimCertificate]; Ref.Name is the bundle's name, Ref.ID the certificate's ID, or the bundle's name
// while there is no certificate yet.
//
// The bundle is the record. A key pair is in it before a certificate is asked for, and an ID stays in it until the
// certificate is gone, so that a crash between any two calls loses and leaks nothing:
//
//	pair stored → certificate made INACTIVE → stored with the pair → policy attached → activated
//	(→ it takes the place of the one before → that one deactivated, detached, deleted → forgotten)
type Claims struct{ d *Driver }

var _ assembly.Driver[object.ClaimCertificate] = (*Claims)(nil)

// NewClaims makes a driver that works with c.
func NewClaims(c *awsapi.Clients) *Claims { return &Claims{d: New(c, nil, Options{})} }

// Keys of Identity.Outputs beside those of the fleet.
const (
	outputTemplate    = "template"
	outputPolicy      = "policy"
	outputCredentials = "credentials" // ARN of the bundle
)

// Observe reads the certificate and the bundle's tags; without a record, for deep reads, and when the recorded certificate is
// gone it reads the bundle itself and the policies of the certificate as well. A bundle that is not ours is not read.
func (c *Claims) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Object[object.ClaimCertificate], error) {
	s, err := c.look(ctx, ref)
	if err != nil || s == nil {
		return nil, err
	}
	if s.label != nil && s.label.tags[object.OwnerTag] != ref.Owner {
		return &assembly.Object[object.ClaimCertificate]{
			Identity: assembly.Identity{ID: ref.Name}, Owner: s.label.tags[object.OwnerTag], Spec: object.ClaimCertificate{Store: s.store},
		}, nil
	}
	o := &assembly.Object[object.ClaimCertificate]{Owner: ref.Owner, Extra: s}
	o.Spec = object.ClaimCertificate{
		Store: s.store, Endpoint: ref.Outputs[outputEndpoint], Template: ref.Outputs[outputTemplate], Policy: ref.Outputs[outputPolicy], Lost: s.lost(),
	}
	if s.label != nil {
		_, o.Spec.Tags = owned.Split(ctx, s.label.tags)
	}
	if s.bundle != nil {
		o.Spec.Endpoint, o.Spec.Template = s.bundle.Endpoint, s.bundle.Template
		o.Spec.Unfinished = s.bundle.Next != nil || len(s.bundle.Retired) > 0
	}
	if s.certificate != nil {
		o.Spec.Inactive = s.certificate.Status != types.CertificateStatusActive
		o.Spec.Subject, o.Spec.Version = splitCommonName(nameInCertificate(aws.ToString(s.certificate.CertificatePem)))
		if s.deep {
			if o.Spec.Policy, err = c.policyOf(ctx, s.certificate, ref.Outputs[outputPolicy]); err != nil {
				return nil, err
			}
		}
	}
	o.Identity = s.identity(ref.Name, o.Spec)
	return o, nil
}

// policyOf gives the policy of ours on a certificate: the recorded one where it is attached, else the first by name.
func (c *Claims) policyOf(ctx context.Context, certificate *types.CertificateDescription, recorded string) (string, error) {
	names, err := c.policies(ctx, aws.ToString(certificate.CertificateArn))
	if err != nil {
		return "", err
	}
	first := ""
	for _, name := range names {
		if name == recorded {
			return name, nil
		}
		if first == "" || name < first {
			first = name
		}
	}
	return first, nil
}

// Create makes key, certificate and bundle, or goes on where an earlier run ended. A bundle of that name without our token is
// refused, and not read.
func (c *Claims) Create(ctx context.Context, ref assembly.Ref, want object.ClaimCertificate) (assembly.Identity, error) {
	ref.ID, ref.Outputs = "", claimOutputs(object.ClaimCertificate{Store: placeOf(want.Store, ref.Name)}, "")
	have, err := c.Observe(assembly.WithDeep(ctx), ref)
	switch {
	case err != nil:
		return assembly.Identity{}, err
	case have == nil:
		have = &assembly.Object[object.ClaimCertificate]{Extra: &claimState{store: placeOf(want.Store, ref.Name)}}
		have.Spec = object.ClaimCertificate{Store: placeOf(want.Store, ref.Name), Lost: true}
	case have.Owner != ref.Owner:
		return assembly.Identity{}, fmt.Errorf("storing the credentials bundle: %w", &assembly.ForeignError{Owner: have.Owner})
	}
	return c.Update(ctx, ref, have, want, c.Diff(have.Spec, want))
}

// Update makes the changes. Where another certificate is due, the one before works until the new one does.
func (c *Claims) Update(ctx context.Context, ref assembly.Ref, have *assembly.Object[object.ClaimCertificate], want object.ClaimCertificate, changes []assembly.Change) (assembly.Identity, error) {
	w, err := c.begin(ctx, ref, have, want)
	if err != nil {
		return have.Identity, err
	}
	err = w.do(ctx, changes)
	return w.identity(), err
}

// Diff names certificate (it or its key is gone), version, policy, enabled, the bundle's place and content, tags, and retired:
// what a run has left that ended between two certificates.
func (c *Claims) Diff(have, want object.ClaimCertificate) []assembly.Change {
	var changes []assembly.Change
	add := func(differs bool, field string) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	h, w := placeOf(have.Store, want.Store.Path), placeOf(want.Store, have.Store.Path)
	add(h.Kind != w.Kind, "credentials.store")
	add(h.Path != w.Path, "credentials.path")
	add(h.KMSKeyID != w.KMSKeyID, "credentials.kms_key_id")
	add(!have.Lost && have.Endpoint != want.Endpoint, "endpoint")
	add(!have.Lost && have.Template != want.Template, "template")
	add(have.Lost, "certificate")
	another := have.Lost || have.Subject != want.Subject || have.Version != want.Version
	add(another && !have.Lost, "version")
	add(!another && have.Policy != want.Policy, "policy")
	add(!another && have.Inactive, "enabled")
	add(!another && have.Unfinished, "retired")
	add(owned.TagsDiffer(have.Tags, want.Tags), "tags")
	return changes
}

// placeOf is a store with everything said: the default kind, and the bundle's name where there is no path.
func placeOf(s object.CredentialsStore, name string) object.CredentialsStore {
	s.Kind, s.Path = cmp.Or(s.Kind, StoreSSM), cmp.Or(s.Path, name)
	return s
}

// claimOutputs is what a delete needs and AWS does not say, and what a read without the bundle would not see.
func claimOutputs(spec object.ClaimCertificate, bundleARN string) map[string]string {
	outputs := map[string]string{
		outputStore: spec.Store.Kind, outputPath: spec.Store.Path, outputKMSKey: spec.Store.KMSKeyID, outputEndpoint: spec.Endpoint,
		outputTemplate: spec.Template, outputPolicy: spec.Policy, outputCredentials: bundleARN,
	}
	maps.DeleteFunc(outputs, func(_, v string) bool { return v == "" })
	return outputs
}

// commonName is the subject's common name of a claim certificate.
func commonName(want object.ClaimCertificate) string {
	return want.Subject + "-" + strconv.FormatInt(want.Version, 10)
}

func splitCommonName(name string) (subject string, version int64) {
	at := strings.LastIndexByte(name, '-')
	version, err := strconv.ParseInt(name[at+1:], 10, 64)
	if at < 0 || err != nil {
		return name, 0
	}
	return name[:at], version
}

// nameInCertificate is the common name of a certificate; empty for text that is none.
func nameInCertificate(text string) string {
	if c := parseCertificate(text); c != nil {
		return c.Subject.CommonName
	}
	return ""
}
