package claimcertificate

import (
	"cmp"
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// state is what exists of a claim certificate.
type state struct {
	store       spec.CredentialsStore // where the bundle is, or was recorded to be
	label       *credstore.Label      // nil: no bundle
	full        bool                  // bundle and certificate were read
	bundle      *contract.ClaimBundle // nil: not read, not there, or no bundle
	recorded    string                // ID of the recorded certificate
	certificate *types.CertificateDescription
}

// lost reports that there is no certificate whose key is known. What was not read counts as complete.
func (s *state) lost() bool {
	if !s.full {
		return s.label == nil || s.label.Deleted || s.certificate == nil
	}
	return s.bundle == nil || s.bundle.CertificateID == "" || s.certificate == nil ||
		!fits(&s.bundle.ClaimPair, aws.ToString(s.certificate.CertificatePem))
}

// certificateID is the certificate that the bundle holds, else the recorded one.
func (s *state) certificateID() string {
	if s.bundle != nil && s.bundle.CertificateID != "" {
		return s.bundle.CertificateID
	}
	return s.recorded
}

func (s *state) identity(name string, have spec.ClaimCertificate) assembly.Identity {
	id := assembly.Identity{ID: cmp.Or(s.certificateID(), name)}
	if s.certificate != nil {
		id.ARN = aws.ToString(s.certificate.CertificateArn)
	}
	arn := ""
	if s.label != nil {
		arn = cmp.Or(s.label.ARN, credstore.SingleARN(have.Store, id.ARN))
	}
	id.Outputs = outputs(have, arn)
	return id
}

// Observe reads the certificate and the bundle's tags. It reads the bundle itself and the certificate's policies only
// for a full read, without a record, and if the recorded certificate is gone. It does not read a bundle that is not
// ours.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.ClaimCertificate], error) {
	s, err := d.look(ctx, ref)
	if err != nil || s == nil {
		return nil, err
	}
	if s.label != nil && s.label.Owner() != ref.Owner {
		return &assembly.Observed[spec.ClaimCertificate]{
			Identity: assembly.Identity{ID: ref.Name}, Owner: s.label.Owner(),
			Spec: spec.ClaimCertificate{Store: s.store},
		}, nil
	}
	o := &assembly.Observed[spec.ClaimCertificate]{Owner: ref.Owner, Extra: s}
	o.Spec = spec.ClaimCertificate{
		Store: s.store, Endpoint: ref.Outputs[outputEndpoint], Template: ref.Outputs[outputTemplate],
		Policy: ref.Outputs[outputPolicy], Lost: s.lost(),
	}
	if s.label != nil {
		_, o.Spec.Tags = ownertag.Split(s.label.Tags, d.c.IgnoresTag)
	}
	if s.bundle != nil {
		o.Spec.Endpoint, o.Spec.Template = s.bundle.Endpoint, s.bundle.Template
		o.Spec.Unfinished = s.bundle.Next != nil || len(s.bundle.Retired) > 0
	}
	if s.certificate != nil {
		o.Spec.Inactive = s.certificate.Status != types.CertificateStatusActive
		o.Spec.Subject, o.Spec.Version = splitCommonName(nameInCertificate(aws.ToString(s.certificate.CertificatePem)))
		if s.full {
			if o.Spec.Policy, err = d.policyOf(ctx, s.certificate, ref.Outputs[outputPolicy]); err != nil {
				return nil, err
			}
		}
	}
	o.Identity = s.identity(ref.Name, o.Spec)
	return o, nil
}

// policyOf returns the policy of a certificate: the recorded one if it is attached, else the first by name.
func (d *Driver) policyOf(
	ctx context.Context, certificate *types.CertificateDescription, recorded string,
) (string, error) {
	names, err := d.certs.Policies(ctx, aws.ToString(certificate.CertificateArn))
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

// look reads what exists; nil if nothing does.
func (d *Driver) look(ctx context.Context, ref assembly.Ref) (*state, error) {
	s, err := d.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	if ref.ID != ref.Name {
		s.recorded = ref.ID
	}
	foreign := s.label != nil && s.label.Owner() != ref.Owner
	switch {
	case foreign && s.recorded == "":
		return s, nil
	case foreign: // our certificate may still be there; only its bundle is gone
		s.label = nil
	}
	if s.recorded != "" {
		if s.certificate, err = d.certs.Describe(ctx, s.recorded); err != nil {
			return nil, err
		}
	}
	if s.recorded == "" || s.certificate == nil || ref.Full {
		if err := d.deepen(ctx, s); err != nil {
			return nil, err
		}
	}
	if s.label == nil && s.certificate == nil {
		return nil, nil
	}
	return s, nil
}

// deepen reads the bundle, and the certificate that it names.
func (d *Driver) deepen(ctx context.Context, s *state) (err error) {
	s.full = true
	if s.label != nil && !s.label.Deleted {
		if s.bundle, err = d.readBundle(ctx, s.store); err != nil {
			return err
		}
	}
	if id := s.certificateID(); id != "" && (s.certificate == nil || aws.ToString(s.certificate.CertificateId) != id) {
		if s.certificate, err = d.certs.Describe(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// find looks for the bundle where it is recorded, and else in both kinds of store: a run may have ended while it moved
// the bundle. A bundle of ours wins over somebody else's, which counts only at the place where ours should be.
func (d *Driver) find(ctx context.Context, ref assembly.Ref) (*state, error) {
	places := places(ref)
	s := &state{store: places[0]}
	var unread []error
	for i, p := range places {
		l, err := d.inspect(ctx, p)
		switch {
		case err != nil && (i == 0 && isRecorded(ref) || !outOfReach(err)):
			return nil, err
		case err != nil:
			unread = append(unread, err)
		case l != nil && l.Owner() == ref.Owner:
			s.store, s.label = p, l
			return s, nil
		case l != nil && s.label == nil && (i == 0 || !isRecorded(ref)):
			s.store, s.label = p, l
		}
	}
	if len(unread) == len(places) {
		return nil, errors.Join(unread...)
	}
	return s, nil
}

// places are where the bundle may be, the recorded place first.
func places(ref assembly.Ref) []spec.CredentialsStore {
	first := storeFor(spec.CredentialsStore{
		Kind: ref.Outputs[outputStore], Path: ref.Outputs[outputPath], KMSKeyID: ref.Outputs[outputKMSKey],
	}, ref.Name)
	second := spec.CredentialsStore{Kind: credstore.SecretsManager, Path: first.Path}
	if first.Kind == credstore.SecretsManager {
		second.Kind = credstore.ParameterStore
	}
	return []spec.CredentialsStore{first, second}
}

func isRecorded(ref assembly.Ref) bool { return ref.Outputs[outputStore] != "" }

// outOfReach reports whether a store cannot hold a bundle of ours: the caller may not use it, or it does not allow such
// a name.
func outOfReach(err error) bool {
	return awsapi.Is(err, "AccessDeniedException", "ValidationException", "InvalidParameterException")
}
