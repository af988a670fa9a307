package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/owned"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// claimState is what there is of a claim certificate.
type claimState struct {
	store       object.CredentialsStore // where the bundle is, or was when it was recorded
	label       *label                  // nil: no bundle
	deep        bool                    // bundle and certificate are all that there is to know
	bundle      *ClaimBundle            // nil: not read, not there, or no bundle
	recorded    string                  // ID of the recorded certificate
	certificate *types.CertificateDescription
}

// lost says that no certificate of which the key is known is there. What was not read counts as whole.
func (s *claimState) lost() bool {
	if !s.deep {
		return s.label == nil || s.label.gone || s.certificate == nil
	}
	return s.bundle == nil || s.bundle.CertificateID == "" || s.certificate == nil || !s.bundle.fits(aws.ToString(s.certificate.CertificatePem))
}

// certificateID is the certificate that the bundle holds, else the recorded one.
func (s *claimState) certificateID() string {
	if s.bundle != nil && s.bundle.CertificateID != "" {
		return s.bundle.CertificateID
	}
	return s.recorded
}

func (s *claimState) identity(name string, spec object.ClaimCertificate) assembly.Identity {
	id := assembly.Identity{ID: cmp.Or(s.certificateID(), name)}
	if s.certificate != nil {
		id.ARN = aws.ToString(s.certificate.CertificateArn)
	}
	arn := ""
	if s.label != nil {
		arn = cmp.Or(s.label.arn, parameterARN(id.ARN, spec.Store.Path))
	}
	id.Outputs = claimOutputs(spec, arn)
	return id
}

// look finds out what there is; nil for nothing at all.
func (c *Claims) look(ctx context.Context, ref assembly.Ref) (*claimState, error) {
	s, err := c.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	if ref.ID != ref.Name {
		s.recorded = ref.ID
	}
	foreign := s.label != nil && s.label.tags[object.OwnerTag] != ref.Owner
	switch {
	case foreign && s.recorded == "":
		return s, nil
	case foreign: // of our certificate only the bundle has gone
		s.label = nil
	}
	if s.recorded != "" {
		if s.certificate, err = c.d.certificate(ctx, s.recorded); err != nil {
			return nil, err
		}
	}
	if s.recorded == "" || s.certificate == nil || assembly.Deep(ctx) {
		if err := c.deepen(ctx, s); err != nil {
			return nil, err
		}
	}
	if s.label == nil && s.certificate == nil {
		return nil, nil
	}
	return s, nil
}

// deepen reads the bundle, and the certificate that it names.
func (c *Claims) deepen(ctx context.Context, s *claimState) (err error) {
	s.deep = true
	if s.label != nil && !s.label.gone {
		if s.bundle, err = c.readBundle(ctx, s.store); err != nil {
			return err
		}
	}
	if id := s.certificateID(); id != "" && (s.certificate == nil || aws.ToString(s.certificate.CertificateId) != id) {
		if s.certificate, err = c.d.certificate(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// find looks for the bundle where it is recorded, and else in either kind of store: a run may have ended while it was moved.
// One of ours goes before one of somebody else, and one of somebody else counts only where ours may be meant to be.
func (c *Claims) find(ctx context.Context, ref assembly.Ref) (*claimState, error) {
	places := claimPlaces(ref)
	s := &claimState{store: places[0]}
	var unread []error
	for i, p := range places {
		l, err := c.inspect(ctx, p)
		switch {
		case err != nil && (i == 0 && isRecorded(ref) || !outOfReach(err)):
			return nil, err
		case err != nil:
			unread = append(unread, err)
		case l != nil && l.tags[object.OwnerTag] == ref.Owner:
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

// claimPlaces are where the bundle may be, the recorded place first.
func claimPlaces(ref assembly.Ref) []object.CredentialsStore {
	first := placeOf(object.CredentialsStore{Kind: ref.Outputs[outputStore], Path: ref.Outputs[outputPath], KMSKeyID: ref.Outputs[outputKMSKey]}, ref.Name)
	second := object.CredentialsStore{Kind: StoreSecrets, Path: first.Path}
	if first.Kind == StoreSecrets {
		second.Kind = StoreSSM
	}
	return []object.CredentialsStore{first, second}
}

func isRecorded(ref assembly.Ref) bool { return ref.Outputs[outputStore] != "" }

// outOfReach reports whether a store can hold no bundle of ours: whoever applies may not use it, or the name is none of its own.
func outOfReach(err error) bool {
	return awsapi.Is(err, "AccessDeniedException", "ValidationException", "InvalidParameterException")
}

// storeOf is the store of one bundle.
func (c *Claims) storeOf(s object.CredentialsStore, owner string, tags map[string]string) store {
	return c.d.storeAt(place{CredentialsStore: s, owner: owner, tags: owned.Tags(owner, tags), pool: c.d.pool, single: true})
}

func (c *Claims) inspect(ctx context.Context, s object.CredentialsStore) (*label, error) {
	return ask(ctx, c.d.pool, fmt.Sprintf("looking for the credentials bundle %q", s.Path), func(ctx context.Context) (*label, error) {
		return c.storeOf(s, "", nil).inspect(ctx, s.Path)
	})
}

// readBundle gives nil for a bundle that is not there or is none.
func (c *Claims) readBundle(ctx context.Context, s object.CredentialsStore) (*ClaimBundle, error) {
	texts, err := c.d.readBatch(ctx, c.storeOf(s, "", nil), []string{s.Path})
	if err != nil {
		return nil, err
	}
	text, ok := texts[s.Path]
	if !ok {
		return nil, nil
	}
	return readClaimBundle(text), nil
}

// policies gives the names of the policies on a certificate; none when it does not exist.
func (c *Claims) policies(ctx context.Context, arn string) ([]string, error) {
	var names []string
	for pages := iot.NewListAttachedPoliciesPaginator(c.d.aws.IoT(), &iot.ListAttachedPoliciesInput{Target: aws.String(arn), PageSize: aws.Int32(pageSize)}); pages.HasMorePages(); {
		page, err := ask(ctx, c.d.pool, "listing policies of certificate "+arn,
			func(ctx context.Context) (*iot.ListAttachedPoliciesOutput, error) { return pages.NextPage(ctx) })
		if awsapi.IsNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, p := range page.Policies {
			names = append(names, aws.ToString(p.PolicyName))
		}
	}
	return names, nil
}
