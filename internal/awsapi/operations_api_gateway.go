package awsapi

import (
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
)

// APIGateway are the operations of API Gateway for HTTP APIs that the project uses.
type APIGateway struct {
	Options                 func() apigatewayv2.Options
	CreateApi               Call[apigatewayv2.CreateApiInput, apigatewayv2.Options, apigatewayv2.CreateApiOutput]
	CreateAuthorizer        Call[apigatewayv2.CreateAuthorizerInput, apigatewayv2.Options, apigatewayv2.CreateAuthorizerOutput]
	CreateIntegration       Call[apigatewayv2.CreateIntegrationInput, apigatewayv2.Options, apigatewayv2.CreateIntegrationOutput]
	CreateRoute             Call[apigatewayv2.CreateRouteInput, apigatewayv2.Options, apigatewayv2.CreateRouteOutput]
	CreateStage             Call[apigatewayv2.CreateStageInput, apigatewayv2.Options, apigatewayv2.CreateStageOutput]
	DeleteApi               Call[apigatewayv2.DeleteApiInput, apigatewayv2.Options, apigatewayv2.DeleteApiOutput]
	DeleteAuthorizer        Call[apigatewayv2.DeleteAuthorizerInput, apigatewayv2.Options, apigatewayv2.DeleteAuthorizerOutput]
	DeleteCorsConfiguration Call[apigatewayv2.DeleteCorsConfigurationInput, apigatewayv2.Options, apigatewayv2.DeleteCorsConfigurationOutput]
	DeleteIntegration       Call[apigatewayv2.DeleteIntegrationInput, apigatewayv2.Options, apigatewayv2.DeleteIntegrationOutput]
	DeleteRoute             Call[apigatewayv2.DeleteRouteInput, apigatewayv2.Options, apigatewayv2.DeleteRouteOutput]
	DeleteRouteSettings     Call[apigatewayv2.DeleteRouteSettingsInput, apigatewayv2.Options, apigatewayv2.DeleteRouteSettingsOutput]
	DeleteStage             Call[apigatewayv2.DeleteStageInput, apigatewayv2.Options, apigatewayv2.DeleteStageOutput]
	GetApi                  Call[apigatewayv2.GetApiInput, apigatewayv2.Options, apigatewayv2.GetApiOutput]
	GetApis                 Call[apigatewayv2.GetApisInput, apigatewayv2.Options, apigatewayv2.GetApisOutput]
	GetAuthorizer           Call[apigatewayv2.GetAuthorizerInput, apigatewayv2.Options, apigatewayv2.GetAuthorizerOutput]
	GetAuthorizers          Call[apigatewayv2.GetAuthorizersInput, apigatewayv2.Options, apigatewayv2.GetAuthorizersOutput]
	GetIntegration          Call[apigatewayv2.GetIntegrationInput, apigatewayv2.Options, apigatewayv2.GetIntegrationOutput]
	GetIntegrations         Call[apigatewayv2.GetIntegrationsInput, apigatewayv2.Options, apigatewayv2.GetIntegrationsOutput]
	GetRoutes               Call[apigatewayv2.GetRoutesInput, apigatewayv2.Options, apigatewayv2.GetRoutesOutput]
	GetStage                Call[apigatewayv2.GetStageInput, apigatewayv2.Options, apigatewayv2.GetStageOutput]
	GetStages               Call[apigatewayv2.GetStagesInput, apigatewayv2.Options, apigatewayv2.GetStagesOutput]
	TagResource             Call[apigatewayv2.TagResourceInput, apigatewayv2.Options, apigatewayv2.TagResourceOutput]
	UntagResource           Call[apigatewayv2.UntagResourceInput, apigatewayv2.Options, apigatewayv2.UntagResourceOutput]
	UpdateApi               Call[apigatewayv2.UpdateApiInput, apigatewayv2.Options, apigatewayv2.UpdateApiOutput]
	UpdateAuthorizer        Call[apigatewayv2.UpdateAuthorizerInput, apigatewayv2.Options, apigatewayv2.UpdateAuthorizerOutput]
	UpdateIntegration       Call[apigatewayv2.UpdateIntegrationInput, apigatewayv2.Options, apigatewayv2.UpdateIntegrationOutput]
	UpdateRoute             Call[apigatewayv2.UpdateRouteInput, apigatewayv2.Options, apigatewayv2.UpdateRouteOutput]
	UpdateStage             Call[apigatewayv2.UpdateStageInput, apigatewayv2.Options, apigatewayv2.UpdateStageOutput]
}

func newAPIGateway(c *apigatewayv2.Client) *APIGateway {
	return &APIGateway{
		Options:                 c.Options,
		CreateApi:               c.CreateApi,
		CreateAuthorizer:        c.CreateAuthorizer,
		CreateIntegration:       c.CreateIntegration,
		CreateRoute:             c.CreateRoute,
		CreateStage:             c.CreateStage,
		DeleteApi:               c.DeleteApi,
		DeleteAuthorizer:        c.DeleteAuthorizer,
		DeleteCorsConfiguration: c.DeleteCorsConfiguration,
		DeleteIntegration:       c.DeleteIntegration,
		DeleteRoute:             c.DeleteRoute,
		DeleteRouteSettings:     c.DeleteRouteSettings,
		DeleteStage:             c.DeleteStage,
		GetApi:                  c.GetApi,
		GetApis:                 c.GetApis,
		GetAuthorizer:           c.GetAuthorizer,
		GetAuthorizers:          c.GetAuthorizers,
		GetIntegration:          c.GetIntegration,
		GetIntegrations:         c.GetIntegrations,
		GetRoutes:               c.GetRoutes,
		GetStage:                c.GetStage,
		GetStages:               c.GetStages,
		TagResource:             c.TagResource,
		UntagResource:           c.UntagResource,
		UpdateApi:               c.UpdateApi,
		UpdateAuthorizer:        c.UpdateAuthorizer,
		UpdateIntegration:       c.UpdateIntegration,
		UpdateRoute:             c.UpdateRoute,
		UpdateStage:             c.UpdateStage,
	}
}
