package certs

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
)

// Attach attaches a certificate to one thing and no other [AWS 1.4 AttachThingPrincipal].
func (c *Client) Attach(ctx context.Context, thing, arn string) error {
	in := &iot.AttachThingPrincipalInput{
		ThingName: &thing, Principal: &arn, ThingPrincipalType: types.ThingPrincipalTypeExclusiveThing,
	}
	return c.pool.Call(ctx, "attaching the certificate", func(ctx context.Context) error {
		_, err := c.clients.IoT().AttachThingPrincipal(ctx, in)
		return err
	})
}

// Detach detaches a principal from a thing. Absent is success.
func (c *Client) Detach(ctx context.Context, thing, principal string) error {
	in := &iot.DetachThingPrincipalInput{ThingName: &thing, Principal: &principal}
	return c.pool.Call(ctx, "detaching "+principal, func(ctx context.Context) error {
		_, err := c.clients.IoT().DetachThingPrincipal(ctx, in)
		return ignoreNotFound(err)
	})
}

// Principals returns the principals of a thing; none if it does not exist.
func (c *Client) Principals(ctx context.Context, thing string) ([]string, error) {
	var principals []string
	in := &iot.ListThingPrincipalsInput{ThingName: &thing, MaxResults: aws.Int32(pageSize)}
	what := fmt.Sprintf("listing principals of thing %q", thing)
	for pages := iot.NewListThingPrincipalsPaginator(c.clients.IoT().ListThingPrincipals, in); pages.HasMorePages(); {
		page, err := bulk.Ask(ctx, c.pool, what, func(ctx context.Context) (*iot.ListThingPrincipalsOutput, error) {
			return pages.NextPage(ctx)
		})
		if err != nil {
			return nil, ignoreNotFound(err)
		}
		principals = append(principals, page.Principals...)
	}
	return principals, nil
}

// Things returns the things that a certificate is attached to; none if it does not exist.
func (c *Client) Things(ctx context.Context, arn string) ([]string, error) {
	var things []string
	in := &iot.ListPrincipalThingsInput{Principal: &arn, MaxResults: aws.Int32(pageSize)}
	what := fmt.Sprintf("listing things of certificate %q", arn)
	for pages := iot.NewListPrincipalThingsPaginator(c.clients.IoT().ListPrincipalThings, in); pages.HasMorePages(); {
		page, err := bulk.Ask(ctx, c.pool, what, func(ctx context.Context) (*iot.ListPrincipalThingsOutput, error) {
			return pages.NextPage(ctx)
		})
		if err != nil {
			return nil, ignoreNotFound(err)
		}
		things = append(things, page.Things...)
	}
	return things, nil
}

// AttachPolicy attaches a policy to a certificate; without a name it does nothing.
func (c *Client) AttachPolicy(ctx context.Context, policy, arn string) error {
	if policy == "" {
		return nil
	}
	what := fmt.Sprintf("attaching policy %q to certificate %q", policy, arn)
	return c.pool.Call(ctx, what, func(ctx context.Context) error {
		_, err := c.clients.IoT().AttachPolicy(ctx, &iot.AttachPolicyInput{PolicyName: &policy, Target: &arn})
		return err
	})
}

// DetachPolicy detaches a policy from a certificate. Absent is success.
func (c *Client) DetachPolicy(ctx context.Context, policy, arn string) error {
	what := fmt.Sprintf("detaching policy %q from certificate %q", policy, arn)
	return c.pool.Call(ctx, what, func(ctx context.Context) error {
		_, err := c.clients.IoT().DetachPolicy(ctx, &iot.DetachPolicyInput{PolicyName: &policy, Target: &arn})
		return ignoreNotFound(err)
	})
}

// Policies returns the names of the policies on a certificate; none if it does not exist.
func (c *Client) Policies(ctx context.Context, arn string) ([]string, error) {
	var names []string
	in := &iot.ListAttachedPoliciesInput{Target: &arn, PageSize: aws.Int32(pageSize)}
	for pages := iot.NewListAttachedPoliciesPaginator(c.clients.IoT().ListAttachedPolicies, in); pages.HasMorePages(); {
		page, err := bulk.Ask(ctx, c.pool, "listing policies of certificate "+arn,
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
