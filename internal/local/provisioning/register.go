package provisioning

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/provisioning/template"
)

// register carries out the plan. It activates the certificate last, so that a failure leaves nothing that can connect.
// Every step can be repeated. The token's use is recorded before the first.
func (s *Service) register(ctx context.Context, t *token, plan *template.Plan, u *use) error {
	if t.use != nil {
		u.created = t.use.created
	}
	if plan.Thing != nil {
		if err := s.registerThing(ctx, t, plan.Thing, u); err != nil {
			return err
		}
	}
	t.use = u
	for _, p := range plan.Policies {
		if err := s.attachPolicy(ctx, t, p); err != nil {
			return err
		}
	}
	if plan.Thing != nil {
		in := &iot.AttachThingPrincipalInput{ThingName: &plan.Thing.Name, Principal: &t.arn}
		if _, err := s.options.API.AttachThingPrincipal(ctx, in); err != nil {
			return failed("attaching the certificate to the thing", err)
		}
	}
	if plan.Active {
		in := &iot.UpdateCertificateInput{CertificateId: &t.id, NewStatus: types.CertificateStatusActive}
		if _, err := s.options.API.UpdateCertificate(ctx, in); err != nil {
			return failed("activating the certificate", err)
		}
	}
	return nil
}

// registerThing creates the thing, or updates an existing one as the template's override settings say.
func (s *Service) registerThing(ctx context.Context, t *token, want *template.Thing, u *use) error {
	have, err := s.options.API.DescribeThing(ctx, &iot.DescribeThingInput{ThingName: &want.Name})
	groups := template.Merge
	switch {
	case errors.As(err, new(*types.ResourceNotFoundException)):
		t.use, u.created = u, true // even if the answer to the call below is lost
		if err := s.createThing(ctx, want); err != nil {
			u.created = !errors.As(err, new(*types.ResourceAlreadyExistsException)) // someone else created it meanwhile
			return err
		}
	case err != nil:
		return failed("looking up the thing", err)
	case u.created:
		// An earlier attempt of this device created it; complete what may be missing.
	default:
		change, err := compare(have, want)
		if err != nil {
			return err
		}
		t.use = u
		if change != nil {
			if _, err := s.options.API.UpdateThing(ctx, change); err != nil {
				return failed("updating the thing", err)
			}
		}
		if want.Override.Groups != "" {
			groups = want.Override.Groups
		}
	}
	if want.BillingGroup != "" && !u.created {
		in := &iot.AddThingToBillingGroupInput{ThingName: &want.Name, BillingGroupName: &want.BillingGroup}
		if _, err := s.options.API.AddThingToBillingGroup(ctx, in); err != nil {
			return failed("adding the thing to its billing group", err)
		}
	}
	return s.joinGroups(ctx, want, groups)
}

func (s *Service) createThing(ctx context.Context, want *template.Thing) error {
	in := &iot.CreateThingInput{ThingName: &want.Name}
	if want.Type != "" {
		in.ThingTypeName = &want.Type
	}
	if want.BillingGroup != "" {
		in.BillingGroupName = &want.BillingGroup
	}
	if want.Attributes != nil {
		in.AttributePayload = &types.AttributePayload{Attributes: want.Attributes}
	}
	if _, err := s.options.API.CreateThing(ctx, in); err != nil {
		return failed("creating the thing", err)
	}
	return nil
}

// compare returns the update of an existing thing, or nil. Without an override setting it works like CreateThing: equal
// properties succeed, different ones are a conflict. [AWS 4 Thing props, AWS 1.4 CreateThing]
func compare(have *iot.DescribeThingOutput, want *template.Thing) (*iot.UpdateThingInput, error) {
	o := want.Override
	if o.Attributes == template.Fail || o.Type == template.Fail || o.Groups == template.Fail {
		return nil, conflict("Thing %q exists.", want.Name)
	}
	otherAttributes := want.Attributes != nil && !maps.Equal(have.Attributes, want.Attributes)
	otherType := want.Type != "" && aws.ToString(have.ThingTypeName) != want.Type
	if otherAttributes && o.Attributes == "" || otherType && o.Type == "" {
		return nil, conflict("Thing %q exists with other attributes or another type.", want.Name)
	}
	in := &iot.UpdateThingInput{ThingName: &want.Name}
	if otherAttributes && o.Attributes != template.DoNothing {
		in.AttributePayload = &types.AttributePayload{
			Attributes: want.Attributes,
			Merge:      o.Attributes == template.Merge,
		}
	}
	if otherType && o.Type == template.Replace {
		in.ThingTypeName = &want.Type
	}
	if in.AttributePayload == nil && in.ThingTypeName == nil {
		return nil, nil
	}
	return in, nil
}

func (s *Service) joinGroups(ctx context.Context, want *template.Thing, how template.Override) error {
	if how == template.DoNothing {
		return nil
	}
	for _, group := range want.Groups {
		in := &iot.AddThingToThingGroupInput{ThingName: &want.Name, ThingGroupName: &group}
		if _, err := s.options.API.AddThingToThingGroup(ctx, in); err != nil {
			return failed("adding the thing to its group", fmt.Errorf("%q: %w", group, err))
		}
	}
	if how != template.Replace || want.Groups == nil {
		return nil
	}
	var others []string
	pages := iot.NewListThingGroupsForThingPaginator(s.options.API,
		&iot.ListThingGroupsForThingInput{ThingName: &want.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return failed("listing the thing's groups", err)
		}
		for _, g := range page.ThingGroups {
			if name := aws.ToString(g.GroupName); !slices.Contains(want.Groups, name) {
				others = append(others, name)
			}
		}
	}
	for _, group := range others {
		in := &iot.RemoveThingFromThingGroupInput{ThingName: &want.Name, ThingGroupName: &group}
		if _, err := s.options.API.RemoveThingFromThingGroup(ctx, in); err != nil {
			return failed("removing the thing from its other groups", fmt.Errorf("%q: %w", group, err))
		}
	}
	return nil
}

// attachPolicy attaches a policy. If the template contains the document, it creates the policy first.
func (s *Service) attachPolicy(ctx context.Context, t *token, p template.Policy) error {
	if p.Document != "" {
		in := &iot.CreatePolicyInput{PolicyName: &p.Name, PolicyDocument: &p.Document}
		_, err := s.options.API.CreatePolicy(ctx, in)
		// The name is a hash of the document, so an existing policy of that name is identical.
		if err != nil && !errors.As(err, new(*types.ResourceAlreadyExistsException)) {
			return failed("creating the policy", err)
		}
	}
	in := &iot.AttachPolicyInput{PolicyName: &p.Name, Target: &t.arn}
	if _, err := s.options.API.AttachPolicy(ctx, in); err != nil {
		return failed("attaching the policy to the certificate", err)
	}
	return nil
}
