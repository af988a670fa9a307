package httpapiroutes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/httpapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// identitySource is where the gateway takes tokens from.
var identitySource = []string{"$request.header.Authorization"}

// authorizerName is for people: API Gateway finds authorizers by their IDs.
const authorizerName = "jwt"

// reconcile reads what is there, and writes what differs. When a write fails in a way that passes, it reads again:
// the write may have been made, and made twice there would be two integrations.
func (d *Driver) reconcile(
	ctx context.Context,
	ref assembly.Ref,
	want spec.HTTPAPIRoutes,
) (id assembly.Identity, err error) {
	api, integration, _ := strings.Cut(ref.ID, "|")
	if api != want.API {
		integration = ""
	}
	err = d.c.Retry(ctx, "waiting until API Gateway takes a change of the routes", httpapi.Limit, repeats,
		func(ctx context.Context) error {
			s, err := d.read(ctx, want.API, integration)
			if err != nil {
				return err
			}
			err = d.write(ctx, s, want)
			if s.integration != nil {
				id = identity(s)
			}
			return err
		})
	return id, err
}

// repeats: a route that exists already was made by a try whose answer was lost.
func repeats(err error) bool {
	return httpapi.Passes(err) || awsapi.Is(err, "ConflictException") && awsapi.MessageHas(err, "already exists")
}

// write makes the API match want: first what routes need, then the routes, and last it deletes what no route needs.
func (d *Driver) write(ctx context.Context, s *state, want spec.HTTPAPIRoutes) error {
	if err := d.writeIntegration(ctx, s, want); err != nil {
		return fmt.Errorf("writing the integration: %w", err)
	}
	authorizer, err := d.writeAuthorizer(ctx, s, want.JWT)
	if err != nil {
		return fmt.Errorf("writing the authorizer: %w", err)
	}
	if err := d.writeRoutes(ctx, s, authorizer, want.Routes); err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(s.authorizers), func(a types.Authorizer) bool {
		return authorizer != nil && aws.ToString(a.AuthorizerId) == aws.ToString(authorizer.AuthorizerId)
	})
	return d.deleteOthers(ctx, s, left)
}

func (d *Driver) writeIntegration(ctx context.Context, s *state, want spec.HTTPAPIRoutes) error {
	if i := s.integration; i != nil {
		if aws.ToString(i.IntegrationUri) == want.FunctionARN && aws.ToInt32(i.TimeoutInMillis) == want.TimeoutMS {
			return nil
		}
		_, err := d.c.APIGateway().UpdateIntegration(ctx, &apigatewayv2.UpdateIntegrationInput{ApiId: &s.api,
			IntegrationId: i.IntegrationId, IntegrationUri: &want.FunctionARN, TimeoutInMillis: &want.TimeoutMS},
			httpapi.Once)
		return err
	}
	out, err := d.c.APIGateway().CreateIntegration(ctx, &apigatewayv2.CreateIntegrationInput{
		ApiId: &s.api, IntegrationType: types.IntegrationTypeAwsProxy, IntegrationUri: &want.FunctionARN,
		IntegrationMethod: aws.String("POST"), PayloadFormatVersion: aws.String(payloadFormat),
		TimeoutInMillis: &want.TimeoutMS,
	}, httpapi.Once)
	if err == nil {
		s.integration = &types.Integration{IntegrationId: out.IntegrationId}
	}
	return err
}

// writeAuthorizer returns the authorizer that routes are to have, nil for none. API Gateway asks the issuer for keys
// before it accepts it.
func (d *Driver) writeAuthorizer(
	ctx context.Context,
	s *state,
	want *spec.JWTAuthorizer,
) (*types.Authorizer, error) {
	if want == nil {
		return nil, nil
	}
	config := &types.JWTConfiguration{Issuer: &want.Issuer, Audience: want.Audiences}
	if a := s.authorizer(); a != nil {
		if sameJWT(jwtOf(a), want) {
			return a, nil
		}
		_, err := d.c.APIGateway().UpdateAuthorizer(ctx, &apigatewayv2.UpdateAuthorizerInput{ApiId: &s.api,
			AuthorizerId: a.AuthorizerId, IdentitySource: identitySource, JwtConfiguration: config}, httpapi.Once)
		return a, err
	}
	out, err := d.c.APIGateway().CreateAuthorizer(ctx, &apigatewayv2.CreateAuthorizerInput{ApiId: &s.api,
		Name: aws.String(authorizerName), AuthorizerType: types.AuthorizerTypeJwt, IdentitySource: identitySource,
		JwtConfiguration: config}, httpapi.Once)
	if err != nil {
		return nil, err
	}
	return &types.Authorizer{AuthorizerId: out.AuthorizerId}, nil
}

// writeRoutes makes, changes and deletes routes, one after the other: API Gateway refuses changes of an API that
// overlap.
func (d *Driver) writeRoutes(ctx context.Context, s *state, a *types.Authorizer, want []spec.HTTPRoute) error {
	for _, r := range s.routes {
		key := aws.ToString(r.RouteKey)
		if !slices.ContainsFunc(want, func(w spec.HTTPRoute) bool { return w.Key == key }) {
			if err := d.deleteRoute(ctx, s.api, r.RouteId); err != nil {
				return fmt.Errorf("deleting the route %q: %w", key, err)
			}
		}
	}
	for _, w := range want {
		at := slices.IndexFunc(s.routes, func(r types.Route) bool { return aws.ToString(r.RouteKey) == w.Key })
		var err error
		switch {
		case at < 0:
			err = d.createRoute(ctx, s, a, w)
		case !sameRoute(routeOf(s.routes[at], s.integration, a), w):
			err = d.updateRoute(ctx, s, a, s.routes[at].RouteId, w)
		}
		if err != nil {
			return fmt.Errorf("writing the route %q: %w", w.Key, err)
		}
	}
	return nil
}

func (d *Driver) createRoute(ctx context.Context, s *state, a *types.Authorizer, want spec.HTTPRoute) error {
	in := &apigatewayv2.CreateRouteInput{ApiId: &s.api, RouteKey: &want.Key, Target: aws.String(target(s.integration)),
		AuthorizationType: types.AuthorizationTypeAwsIam}
	if a != nil {
		in.AuthorizationType, in.AuthorizerId, in.AuthorizationScopes = types.AuthorizationTypeJwt, a.AuthorizerId,
			want.Scopes
	}
	_, err := d.c.APIGateway().CreateRoute(ctx, in, httpapi.Once)
	return err
}

// updateRoute sends empty values for what is not wanted any more, as hashicorp/aws does.
func (d *Driver) updateRoute(
	ctx context.Context,
	s *state,
	a *types.Authorizer,
	id *string,
	want spec.HTTPRoute,
) error {
	in := &apigatewayv2.UpdateRouteInput{ApiId: &s.api, RouteId: id, Target: aws.String(target(s.integration)),
		AuthorizationType: types.AuthorizationTypeAwsIam, AuthorizerId: aws.String(""), AuthorizationScopes: []string{}}
	if a != nil {
		in.AuthorizationType, in.AuthorizerId = types.AuthorizationTypeJwt, a.AuthorizerId
		in.AuthorizationScopes = append(in.AuthorizationScopes, want.Scopes...)
	}
	_, err := d.c.APIGateway().UpdateRoute(ctx, in, httpapi.Once)
	return err
}

// deleteOthers removes authorizers and the integrations that nothing leads to any more.
func (d *Driver) deleteOthers(ctx context.Context, s *state, authorizers []types.Authorizer) error {
	for _, a := range authorizers {
		_, err := d.c.APIGateway().DeleteAuthorizer(ctx,
			&apigatewayv2.DeleteAuthorizerInput{ApiId: &s.api, AuthorizerId: a.AuthorizerId})
		if err != nil && !awsapi.IsNotFound(err) {
			return fmt.Errorf("deleting an authorizer: %w", err)
		}
	}
	for _, i := range s.others {
		_, err := d.c.APIGateway().DeleteIntegration(ctx,
			&apigatewayv2.DeleteIntegrationInput{ApiId: &s.api, IntegrationId: i.IntegrationId})
		if err != nil && !awsapi.IsNotFound(err) {
			return fmt.Errorf("deleting an integration: %w", err)
		}
	}
	return nil
}
