package httpapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// maxTimeout is API Gateway's limit for an integration, and its default.
const maxTimeout = 30 * time.Second

// Find returns the ID of the HTTP API that has the tag, and "" if there is none.
func Find(ctx context.Context, c *apigatewayv2.Client, tag, value string) (string, error) {
	in := &apigatewayv2.GetApisInput{}
	for {
		page, err := c.GetApis(ctx, in)
		if err != nil {
			return "", fmt.Errorf("looking for the HTTP API: %w", err)
		}
		for _, api := range page.Items {
			if api.ProtocolType == types.ProtocolTypeHttp && api.Tags[tag] == value {
				return aws.ToString(api.ApiId), nil
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return "", nil
		}
	}
}

// Describe reads the configuration of an HTTP API and of its default stage; nil if it has no such stage. The error says
// what of it cannot be played here.
func Describe(ctx context.Context, c *apigatewayv2.Client, id string) (*API, error) {
	api, err := describe(ctx, c, id)
	if err != nil {
		return nil, fmt.Errorf("HTTP API %q: %w", id, err)
	}
	return api, nil
}

func describe(ctx context.Context, c *apigatewayv2.Client, id string) (*API, error) {
	out, err := c.GetApi(ctx, &apigatewayv2.GetApiInput{ApiId: &id})
	if err != nil {
		return nil, err
	}
	api := &API{ID: id, Name: aws.ToString(out.Name), Stage: "$default",
		DomainName: strings.TrimPrefix(aws.ToString(out.ApiEndpoint), "https://")}
	if o := out.CorsConfiguration; o != nil {
		api.CORS = &CORS{Origins: o.AllowOrigins, Methods: o.AllowMethods, Headers: o.AllowHeaders,
			Exposed: o.ExposeHeaders, MaxAge: aws.ToInt32(o.MaxAge), Credentials: aws.ToBool(o.AllowCredentials)}
	}
	stage, err := c.GetStage(ctx, &apigatewayv2.GetStageInput{ApiId: &id, StageName: &api.Stage})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	api.Variables = stage.StageVariables
	if api.Routes, err = routes(ctx, c, id, stage); err != nil {
		return nil, err
	}
	return api, nil
}

// routes reads the routes with their integrations and authorizers.
func routes(ctx context.Context, c *apigatewayv2.Client, id string, stage *apigatewayv2.GetStageOutput) (
	[]Route, error) {
	functions, err := integrations(ctx, c, id)
	if err != nil {
		return nil, err
	}
	var all []Route
	issuers := map[string]*types.JWTConfiguration{}
	in := &apigatewayv2.GetRoutesInput{ApiId: &id, MaxResults: aws.String("100")}
	for {
		page, err := c.GetRoutes(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			authorizerID := aws.ToString(item.AuthorizerId)
			if authorizerID != "" && issuers[authorizerID] == nil {
				if issuers[authorizerID], err = authorizer(ctx, c, id, item.AuthorizerId); err != nil {
					return nil, err
				}
			}
			r, err := route(item, functions, issuers[authorizerID])
			if err != nil {
				return nil, fmt.Errorf("route %q: %w", aws.ToString(item.RouteKey), err)
			}
			r.throttle(stage)
			all = append(all, r)
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			slices.SortFunc(all, func(a, b Route) int { return strings.Compare(a.Key, b.Key) })
			return all, nil
		}
	}
}

func route(item types.Route, functions map[string]integration, issuer *types.JWTConfiguration) (Route, error) {
	function, ok := functions[strings.TrimPrefix(aws.ToString(item.Target), "integrations/")]
	if !ok {
		return Route{}, errors.New("its integration is not a function with payload format 2.0, which iot-local needs")
	}
	r := Route{Key: aws.ToString(item.RouteKey), Authorization: Open, Scopes: item.AuthorizationScopes,
		FunctionARN: function.arn, Timeout: function.timeout}
	if item.AuthorizationType != "" {
		r.Authorization = Authorization(item.AuthorizationType)
	}
	switch r.Authorization {
	case Open, IAM:
	case JWT:
		if issuer == nil {
			return Route{}, errors.New("it asks for tokens and has no authorizer")
		}
		r.Issuer, r.Audiences = aws.ToString(issuer.Issuer), issuer.Audience
	default:
		return Route{}, fmt.Errorf("iot-local does not play the authorization %s", r.Authorization)
	}
	return r, nil
}

// throttle reads the limits of the route, or those of the stage.
func (r *Route) throttle(stage *apigatewayv2.GetStageOutput) {
	settings := stage.DefaultRouteSettings
	if own, ok := stage.RouteSettings[r.Key]; ok {
		settings = &own
	}
	if settings != nil {
		r.Rate = aws.ToFloat64(settings.ThrottlingRateLimit)
		r.Burst = int(aws.ToInt32(settings.ThrottlingBurstLimit))
	}
}

// integration is a function that answers.
type integration struct {
	arn     string
	timeout time.Duration
}

// integrations reads those that are a function with payload format 2.0.
func integrations(ctx context.Context, c *apigatewayv2.Client, id string) (map[string]integration, error) {
	all := map[string]integration{}
	in := &apigatewayv2.GetIntegrationsInput{ApiId: &id}
	for {
		page, err := c.GetIntegrations(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			if item.IntegrationType != types.IntegrationTypeAwsProxy ||
				aws.ToString(item.PayloadFormatVersion) != "2.0" || item.IntegrationUri == nil {
				continue
			}
			timeout := time.Duration(aws.ToInt32(item.TimeoutInMillis)) * time.Millisecond
			if timeout <= 0 || timeout > maxTimeout {
				timeout = maxTimeout
			}
			// The URI is the function's ARN, or has it in its path.
			arn := *item.IntegrationUri
			if _, rest, ok := strings.Cut(arn, "/functions/"); ok {
				arn = strings.TrimSuffix(rest, "/invocations")
			}
			all[aws.ToString(item.IntegrationId)] = integration{arn, timeout}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}

// authorizer reads one that verifies tokens in the header Authorization.
func authorizer(ctx context.Context, c *apigatewayv2.Client, api string, id *string) (*types.JWTConfiguration, error) {
	out, err := c.GetAuthorizer(ctx, &apigatewayv2.GetAuthorizerInput{ApiId: &api, AuthorizerId: id})
	if err != nil {
		return nil, err
	}
	if out.AuthorizerType != types.AuthorizerTypeJwt || out.JwtConfiguration == nil {
		return nil, fmt.Errorf("iot-local does not play authorizers of the type %s", out.AuthorizerType)
	}
	for _, source := range out.IdentitySource {
		if !strings.EqualFold(source, "$request.header.Authorization") {
			return nil, errors.New("iot-local takes tokens from the header Authorization only, not from " + source)
		}
	}
	return out.JwtConfiguration, nil
}
