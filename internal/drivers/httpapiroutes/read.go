package httpapiroutes

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// payloadFormat is the shape of the events that the function gets.
const payloadFormat = "2.0"

// target is where a route leads.
func target(integration *types.Integration) string {
	return "integrations/" + aws.ToString(integration.IntegrationId)
}

// state is what is in an API.
type state struct {
	api         string
	integration *types.Integration  // that leads to the function; nil: there is none
	others      []types.Integration // all but that
	authorizers []types.Authorizer  // sorted by ID; the first one that is for tokens counts
	routes      []types.Route       // sorted by key
}

// read lists what is in the API. Of the integrations, the one with the given ID counts, or the first one that can be
// for a function.
func (d *Driver) read(ctx context.Context, api, integration string) (*state, error) {
	s := &state{api: api}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { s.others, err = d.integrations(ctx, api); return err })
	group.Go(func() (err error) { s.authorizers, err = d.authorizers(ctx, api); return err })
	group.Go(func() (err error) { s.routes, err = d.routes(ctx, api); return err })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	ours := func(i types.Integration) bool {
		return plain(i) && (integration == "" || aws.ToString(i.IntegrationId) == integration)
	}
	at := slices.IndexFunc(s.others, ours)
	if at < 0 {
		at = slices.IndexFunc(s.others, plain)
	}
	if at >= 0 {
		own := s.others[at]
		s.integration, s.others = &own, slices.Delete(s.others, at, at+1)
	}
	return s, nil
}

// plain reports whether an integration passes requests to a Lambda function and leaves them as they are. Others are not
// changed but replaced.
func plain(i types.Integration) bool {
	return i.IntegrationType == types.IntegrationTypeAwsProxy && aws.ToString(i.IntegrationSubtype) == "" &&
		i.ConnectionType != types.ConnectionTypeVpcLink && aws.ToString(i.CredentialsArn) == "" &&
		len(i.RequestParameters) == 0 && len(i.ResponseParameters) == 0 &&
		aws.ToString(i.PayloadFormatVersion) == payloadFormat
}

func (d *Driver) integrations(ctx context.Context, api string) (all []types.Integration, err error) {
	in := &apigatewayv2.GetIntegrationsInput{ApiId: &api}
	for {
		page, err := d.c.APIGateway().GetIntegrations(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if in.NextToken = page.NextToken; aws.ToString(in.NextToken) == "" {
			slices.SortFunc(all, func(a, b types.Integration) int {
				return cmp.Compare(aws.ToString(a.IntegrationId), aws.ToString(b.IntegrationId))
			})
			return all, nil
		}
	}
}

func (d *Driver) authorizers(ctx context.Context, api string) (all []types.Authorizer, err error) {
	in := &apigatewayv2.GetAuthorizersInput{ApiId: &api}
	for {
		page, err := d.c.APIGateway().GetAuthorizers(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if in.NextToken = page.NextToken; aws.ToString(in.NextToken) == "" {
			slices.SortFunc(all, func(a, b types.Authorizer) int {
				return cmp.Compare(aws.ToString(a.AuthorizerId), aws.ToString(b.AuthorizerId))
			})
			return all, nil
		}
	}
}

// routesPerPage is more than the pipeline has; an API has 300 at most ["Quotas for HTTP APIs"].
const routesPerPage = "100"

func (d *Driver) routes(ctx context.Context, api string) (all []types.Route, err error) {
	in := &apigatewayv2.GetRoutesInput{ApiId: &api, MaxResults: aws.String(routesPerPage)}
	for {
		page, err := d.c.APIGateway().GetRoutes(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if in.NextToken = page.NextToken; aws.ToString(in.NextToken) == "" {
			slices.SortFunc(all, func(a, b types.Route) int {
				return cmp.Compare(aws.ToString(a.RouteKey), aws.ToString(b.RouteKey))
			})
			return all, nil
		}
	}
}

// authorizer is the one that counts, or nil.
func (s *state) authorizer() *types.Authorizer {
	for i := range s.authorizers {
		if s.authorizers[i].AuthorizerType == types.AuthorizerTypeJwt {
			return &s.authorizers[i]
		}
	}
	return nil
}

func specOf(s *state) spec.HTTPAPIRoutes {
	have := spec.HTTPAPIRoutes{API: s.api, FunctionARN: aws.ToString(s.integration.IntegrationUri),
		TimeoutMS: aws.ToInt32(s.integration.TimeoutInMillis)}
	if len(s.others) > 0 {
		have.Departs = append(have.Departs, "integrations")
	}
	authorizer, wanted := s.authorizer(), 0
	if authorizer != nil {
		have.JWT, wanted = jwtOf(authorizer), 1
	}
	if len(s.authorizers) > wanted {
		have.Departs = append(have.Departs, "authorizers")
	}
	for _, r := range s.routes {
		have.Routes = append(have.Routes, routeOf(r, s.integration, authorizer))
	}
	return have
}

func jwtOf(a *types.Authorizer) *spec.JWTAuthorizer {
	j := &spec.JWTAuthorizer{}
	// A token that is taken from elsewhere is not what callers send: such an authorizer differs from any wanted.
	if c := a.JwtConfiguration; c != nil && slices.Equal(a.IdentitySource, identitySource) {
		j.Issuer, j.Audiences = aws.ToString(c.Issuer), slices.Sorted(slices.Values(c.Audience))
	}
	return j
}

func routeOf(r types.Route, i *types.Integration, a *types.Authorizer) spec.HTTPRoute {
	have := spec.HTTPRoute{Key: aws.ToString(r.RouteKey), Astray: aws.ToString(r.Target) != target(i)}
	if a == nil {
		have.Astray = have.Astray || r.AuthorizationType != types.AuthorizationTypeAwsIam
		return have
	}
	have.Astray = have.Astray || r.AuthorizationType != types.AuthorizationTypeJwt ||
		aws.ToString(r.AuthorizerId) != aws.ToString(a.AuthorizerId)
	if len(r.AuthorizationScopes) > 0 {
		have.Scopes = slices.Sorted(slices.Values(r.AuthorizationScopes))
	}
	return have
}
