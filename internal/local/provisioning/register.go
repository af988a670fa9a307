package provisioning

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/provisioning/template"
)

// register makes what the plan says, the certificate's activation last, so that whatever fails leaves nothing that can connect.
// Each step can be done again. The token's use is noted before the first of them.
func (s *Service) register(t *token, plan *template.Plan, u *use) error {
	if t.use != nil {
		u.created = t.use.created
	}
	if plan.Thing != nil {
		if err := s.registerThing(t, plan.Thing, u); err != nil {
			return err
		}
	}
	t.use = u
	for _, p := range plan.Policies {
		if err := s.attachPolicy(t, p); err != nil {
			return err
		}
	}
	if plan.Thing != nil {
		if _, err := s.options.API.AttachThingPrincipal(s.ctx, &iot.AttachThingPrincipalInput{ThingName: &plan.Thing.Name, Principal: &t.arn}); err != nil {
			return failed("attaching the certificate to the thing", err)
		}
	}
	if plan.Active {
		if _, err := s.options.API.UpdateCertificate(s.ctx, &iot.UpdateCertificateInput{CertificateId: &t.id, NewStatus: types.CertificateStatusActive}); err != nil {
			return failed("activating the certificate", err)
		}
	}
	return nil
}

// registerThing makes the thing, or brings one that exists to where the template's settings want it.
func (s *Service) registerThing(t *token, want *template.Thing, u *use) error {
	have, err := s.options.API.DescribeThing(s.ctx, &iot.DescribeThingInput{ThingName: &want.Name})
	groups := template.Merge
	switch {
	case errors.As(err, new(*types.ResourceNotFoundException)):
		t.use, u.created = u, true // also if the answer of the call below is lost
		if err := s.createThing(want); err != nil {
			u.created = !errors.As(err, new(*types.ResourceAlreadyExistsException)) // by somebody else since
			return err
		}
	case err != nil:
		return failed("looking up the thing", err)
	case u.created:
		// Made when the device asked before; only what may be missing is left to do.
	default:
		change, err := compare(have, want)
		if err != nil {
			return err
		}
		t.use = u
		if change != nil {
			if _, err := s.options.API.UpdateThing(s.ctx, change); err != nil {
				return failed("changing the thing", err)
			}
		}
		if want.Override.Groups != "" {
			groups = want.Override.Groups
		}
	}
	if want.BillingGroup != "" && !u.created {
		if _, err := s.options.API.AddThingToBillingGroup(s.ctx, &iot.AddThingToBillingGroupInput{ThingName: &want.Name, BillingGroupName: &want.BillingGroup}); err != nil {
			return failed("adding the thing to its billing group", err)
		}
	}
	return s.joinGroups(want, groups)
}

func (s *Service) createThing(want *template.Thing) error {
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
	if _, err := s.options.API.CreateThing(s.ctx, in); err != nil {
		return failed("making the thing", err)
	}
	return nil
}

// compare says how to change a thing that exists; nil for not at all. Without a setting, it is as with CreateThing: the same
// succeeds, and something else is a conflict. [AWS 4 Thing props, AWS 1.4 CreateThing]
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
		in.AttributePayload = &types.AttributePayload{Attributes: want.Attributes, Merge: o.Attributes == template.Merge}
	}
	if otherType && o.Type == template.Replace {
		in.ThingTypeName = &want.Type
	}
	if in.AttributePayload == nil && in.ThingTypeName == nil {
		return nil, nil
	}
	return in, nil
}

func (s *Service) joinGroups(want *template.Thing, how template.Override) error {
	if how == template.DoNothing {
		return nil
	}
	for _, group := range want.Groups {
		if _, err := s.options.API.AddThingToThingGroup(s.ctx, &iot.AddThingToThingGroupInput{ThingName: &want.Name, ThingGroupName: &group}); err != nil {
			return failed("adding the thing to its group", fmt.Errorf("%q: %w", group, err))
		}
	}
	if how != template.Replace || want.Groups == nil {
		return nil
	}
	var others []string
	pages := iot.NewListThingGroupsForThingPaginator(s.options.API, &iot.ListThingGroupsForThingInput{ThingName: &want.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.ctx)
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
		if _, err := s.options.API.RemoveThingFromThingGroup(s.ctx, &iot.RemoveThingFromThingGroupInput{ThingName: &want.Name, ThingGroupName: &group}); err != nil {
			return failed("removing the thing from its other groups", fmt.Errorf("%q: %w", group, err))
		}
	}
	return nil
}

// attachPolicy attaches a policy, which it makes first if the template brings the document.
func (s *Service) attachPolicy(t *token, p template.Policy) error {
	if p.Document != "" {
		_, err := s.options.API.CreatePolicy(s.ctx, &iot.CreatePolicyInput{PolicyName: &p.Name, PolicyDocument: &p.Document})
		// Its name is made of the document, so one of that name is the same.
		if err != nil && !errors.As(err, new(*types.ResourceAlreadyExistsException)) {
			return failed("making the policy", err)
		}
	}
	if _, err := s.options.API.AttachPolicy(s.ctx, &iot.AttachPolicyInput{PolicyName: &p.Name, Target: &t.arn}); err != nil {
		return failed("attaching the policy to the certificate", err)
	}
	return nil
}
