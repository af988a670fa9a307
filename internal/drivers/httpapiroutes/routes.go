// Package httpapiroutes is the driver of what is in an HTTP API that calls one Lambda function: the integration, the
// authorizer, and all routes. It must not know what the routes mean.
//
// The three are one part, because they say one thing together, and because API Gateway gives them no names and no tags:
// whatever is in the API and not wanted is removed, so that no route exists that nobody protects.
package httpapiroutes

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/httpapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Driver reads and writes the routes of an API. Ref.ID is "API's ID|integration's ID".
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads integrations, authorizers and routes, with one call each if there are not very many, and looks for the
// API before it is recorded. Without an integration there is nothing: routes alone lead nowhere.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.HTTPAPIRoutes], error) {
	api, integration, recorded := strings.Cut(ref.ID, "|")
	if !recorded {
		found, err := httpapi.Find(ctx, d.c, ref.Name, ref.Owner)
		if err != nil || found == nil {
			return nil, err
		}
		api = *found.ApiId
	}
	s, err := d.read(ctx, api, integration)
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil || s.integration == nil || recorded && *s.integration.IntegrationId != integration {
		return nil, err
	}
	return &assembly.Observed[spec.HTTPAPIRoutes]{Identity: identity(s), Owner: ref.Owner, Spec: specOf(s)}, nil
}

func identity(s *state) assembly.Identity {
	return assembly.Identity{ID: spec.NameIn(s.api, aws.ToString(s.integration.IntegrationId))}
}

// Create makes what is missing.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.HTTPAPIRoutes) (assembly.Identity, error) {
	return d.reconcile(ctx, ref, want)
}

// Update writes what differs, one call for each object.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.HTTPAPIRoutes],
	want spec.HTTPAPIRoutes,
	_ []assembly.Change,
) (assembly.Identity, error) {
	ref.ID = have.ID
	id, err := d.reconcile(ctx, ref, want)
	if id.ID == "" {
		id = have.Identity
	}
	return id, err
}

// Delete removes routes, authorizers and integrations. The integration is the last: as long as it is there, so is the
// part.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	api, _, _ := strings.Cut(ref.ID, "|")
	err := d.c.Retry(ctx, "waiting until API Gateway removes the routes", httpapi.Limit, httpapi.Busy,
		func(ctx context.Context) error {
			s, err := d.read(ctx, api, "")
			if err != nil {
				return err
			}
			if s.integration != nil {
				s.others = append(s.others, *s.integration)
			}
			for _, r := range s.routes {
				if err := d.deleteRoute(ctx, api, r.RouteId); err != nil {
					return err
				}
			}
			return d.deleteOthers(ctx, s, s.authorizers)
		})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

func (d *Driver) deleteRoute(ctx context.Context, api string, id *string) error {
	_, err := d.c.APIGateway().DeleteRoute(ctx, &apigatewayv2.DeleteRouteInput{ApiId: &api, RouteId: id})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{ServerID: true} }

// Diff names integration, jwt, routes, and what is left over.
func (*Driver) Diff(have, want spec.HTTPAPIRoutes) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs, replace bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field, Replace: replace})
		}
	}
	add("api", have.API != want.API, true)
	add("integration", have.FunctionARN != want.FunctionARN || have.TimeoutMS != want.TimeoutMS, false)
	add("jwt", !sameJWT(have.JWT, want.JWT), false)
	add("routes", !slices.EqualFunc(have.Routes, want.Routes, sameRoute), false)
	for _, left := range have.Departs {
		add(left, true, false)
	}
	return changes
}

func sameJWT(a, b *spec.JWTAuthorizer) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Issuer == b.Issuer && slices.Equal(a.Audiences, b.Audiences)
}

func sameRoute(a, b spec.HTTPRoute) bool {
	return a.Key == b.Key && slices.Equal(a.Scopes, b.Scopes) && a.Astray == b.Astray
}
