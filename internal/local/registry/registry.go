// Package registry looks up in the IoT API who a connecting device is and which policies apply to it.
//
// It knows the AWS API and package policy, but not MQTT.
package registry

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/policy"
)

// A Registry reads things, certificates and policies. It caches nothing, so that every call sees the current state.
type Registry struct {
	client *iot.Client
}

// New returns a registry that uses the client.
func New(client *iot.Client) *Registry { return &Registry{client: client} }

// A Grant is the identity and the permissions of a device.
type Grant struct {
	CertificateID string
	Thing         string // "" unless the certificate is attached to a thing named like the client, or to one only
	Policies      *policy.Set

	arn string // "arn:aws:iot:<region>:<account>:"
}

// Allows reports whether the grant's policies allow the action on a resource such as "topic/a/b".
func (g *Grant) Allows(action, resource string, connect ...string) bool {
	return g.Policies.Allows(action, g.arn+resource, connect...)
}

// Fingerprint is the certificate's ID at AWS IoT: the SHA-256 of its DER, in hex. [AWS 1.3]
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// Active returns the certificate's ARN. The error is the reason why AWS IoT would reject it in the TLS handshake.
func (r *Registry) Active(ctx context.Context, c *x509.Certificate) (string, error) {
	id := Fingerprint(c)
	out, err := r.client.DescribeCertificate(ctx, &iot.DescribeCertificateInput{CertificateId: &id})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return "", fmt.Errorf("certificate %s… is not registered", id[:8])
	}
	if err != nil {
		return "", fmt.Errorf("looking up certificate %s…: %w", id[:8], err)
	}
	if status := out.CertificateDescription.Status; status != types.CertificateStatusActive {
		return "", fmt.Errorf("certificate %s… is %s, not ACTIVE", id[:8], status)
	}
	return *out.CertificateDescription.CertificateArn, nil
}

// Authorize returns what a client with this certificate may do. It fails unless the certificate is active.
func (r *Registry) Authorize(ctx context.Context, c *x509.Certificate, clientID, sourceIP string) (*Grant, error) {
	certificateARN, err := r.Active(ctx, c)
	if err != nil {
		return nil, err
	}
	subject := policy.Subject{ClientID: clientID, SourceIP: sourceIP, Certificate: c}
	targets := []string{certificateARN}
	subject.Thing, err = r.thing(ctx, certificateARN, clientID)
	if err != nil {
		return nil, fmt.Errorf("looking up the things of certificate %q: %w", certificateARN, err)
	}
	if subject.Thing != "" {
		groups, err := r.describe(ctx, &subject)
		if err != nil {
			return nil, fmt.Errorf("looking up thing %q: %w", subject.Thing, err)
		}
		targets = append(targets, groups...)
	}
	documents, err := r.policies(ctx, targets)
	if err != nil {
		return nil, err
	}
	prefix, _, _ := strings.Cut(certificateARN, "cert/")
	return &Grant{
		CertificateID: Fingerprint(c),
		Thing:         subject.Thing,
		Policies:      policy.Compile(documents, subject),
		arn:           prefix,
	}, nil
}

// thing returns the thing of a connection: the one named like the client, or else the one that the certificate is
// attached to exclusively. "" is none. [AWS 3 TPV]
func (r *Registry) thing(ctx context.Context, certificateARN, clientID string) (string, error) {
	pages := iot.NewListPrincipalThingsPaginator(r.client, &iot.ListPrincipalThingsInput{Principal: &certificateARN})
	some := false
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		if slices.Contains(page.Things, clientID) {
			return clientID, nil
		}
		some = some || len(page.Things) > 0
	}
	if !some {
		return "", nil
	}
	out, err := r.client.ListPrincipalThingsV2(ctx, &iot.ListPrincipalThingsV2Input{Principal: &certificateARN})
	if err != nil {
		return "", err
	}
	for _, o := range out.PrincipalThingObjects {
		if o.ThingPrincipalType == types.ThingPrincipalTypeExclusiveThing {
			return *o.ThingName, nil
		}
	}
	return "", nil
}

// describe fills in the thing and returns the ARNs of its groups.
func (r *Registry) describe(ctx context.Context, s *policy.Subject) ([]string, error) {
	thing, err := r.client.DescribeThing(ctx, &iot.DescribeThingInput{ThingName: &s.Thing})
	if err != nil {
		return nil, err
	}
	s.Attributes = thing.Attributes
	if thing.ThingTypeName != nil {
		s.ThingType = *thing.ThingTypeName
	}
	var groups []string
	pages := iot.NewListThingGroupsForThingPaginator(r.client,
		&iot.ListThingGroupsForThingInput{ThingName: &s.Thing})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range page.ThingGroups {
			groups = append(groups, *g.GroupArn)
		}
	}
	return groups, nil
}

// policies reads the documents attached to the targets and, for groups, to their parents; each policy once.
func (r *Registry) policies(ctx context.Context, targets []string) ([]*policy.Document, error) {
	var documents []*policy.Document
	seen := map[string]bool{}
	for _, target := range targets {
		pages := iot.NewListAttachedPoliciesPaginator(r.client,
			&iot.ListAttachedPoliciesInput{Target: &target, Recursive: strings.Contains(target, ":thinggroup/")})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("listing the policies of %q: %w", target, err)
			}
			for _, p := range page.Policies {
				if seen[*p.PolicyName] {
					continue
				}
				seen[*p.PolicyName] = true
				d, err := r.document(ctx, *p.PolicyName)
				if err != nil {
					return nil, fmt.Errorf("reading policy %q: %w", *p.PolicyName, err)
				}
				documents = append(documents, d)
			}
		}
	}
	return documents, nil
}

func (r *Registry) document(ctx context.Context, name string) (*policy.Document, error) {
	out, err := r.client.GetPolicy(ctx, &iot.GetPolicyInput{PolicyName: &name})
	if err != nil {
		return nil, err
	}
	return policy.Parse(*out.PolicyDocument)
}
