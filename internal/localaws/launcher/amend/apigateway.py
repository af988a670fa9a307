"""API Gateway: stages that can be changed, tags of stages, lists, and refusals of what exists or is in use.

The messages are those that hashicorp/aws has met (its issues 18018, 40575, milliHQ/terraform-aws-next-js 247).
"""

import json
from urllib.parse import unquote

import amend
from moto.apigatewayv2 import urls
from moto.apigatewayv2.exceptions import (
    APIGatewayV2Error,
    AuthorizerNotFound,
)
from moto.apigatewayv2.models import Api, ApiGatewayV2Backend, Authorizer, Route
from moto.apigatewayv2.responses import ApiGatewayV2Response


class Conflict(APIGatewayV2Error):
    code = 409

    def __init__(self, message):
        super().__init__("ConflictException", message)


def refuses_same_route(create):
    # [CreateRoute, Errors: ConflictException]; moto makes a second one.
    def method(self, **properties):
        key = properties["route_key"]
        if key in {route.route_key for route in self.routes.values()}:
            raise Conflict(f"Route with key {key} already exists for this API")
        return create(self, **properties)

    return method


def refuses_same_stage(create):
    # [CreateStage, Errors: ConflictException]; moto replaces the stage.
    def method(self, config):
        if config["stageName"] in self.stages:
            raise Conflict("Stage already exists")
        return create(self, config)

    return method


def deletes_what_exists(delete):
    # [DeleteApi, Errors: NotFoundException]; moto takes any ID.
    def method(self, api_id):
        self.get_api(api_id)
        delete(self, api_id)

    return method


def deletes_existing_stage(delete):
    # [DeleteStage, Errors: NotFoundException]; moto takes any name.
    def method(self, stage_name):
        self.get_stage(stage_name)
        delete(self, stage_name)

    return method


def keeps_used_integration(delete):
    # [DeleteIntegration]: refused while routes lead there; moto deletes it.
    def method(self, integration_id):
        self.get_integration(integration_id)
        target = f"integrations/{integration_id}"
        users = [route.route_id for route in self.routes.values() if route.target == target]
        if users:
            listed = ", ".join(users)
            raise Conflict(
                f"Cannot delete Integration because it is referenced by the following Routes with Ids: [{listed}]"
            )
        delete(self, integration_id)

    return method


def keeps_used_authorizer(delete):
    # [DeleteAuthorizer, Errors: ConflictException]; moto deletes it.
    def method(self, authorizer_id):
        if authorizer_id not in self.authorizers:
            raise AuthorizerNotFound(authorizer_id)
        users = [route.route_id for route in self.routes.values() if route.authorizer_id == authorizer_id]
        if users:
            raise Conflict(f"Cannot delete authorizer, is referenced in routes: {', '.join(users)}")
        delete(self, authorizer_id)

    return method


def takes_empty_values(update):
    # hashicorp/aws sends empty scopes and an empty authorizer when a route has none any more; moto keeps the scopes.
    def method(self, authorization_scopes, authorizer_id, **properties):
        update(self, authorization_scopes=authorization_scopes, authorizer_id=authorizer_id, **properties)
        if authorization_scopes is not None:
            self.authorization_scopes = authorization_scopes
        self.authorizer_id = self.authorizer_id or None

    return method


def without_nothing(listing):
    # API Gateway leaves out members without a value; moto answers null, which SDKs take as well.
    def method(self):
        return {key: value for key, value in listing(self).items() if value is not None}

    return method


def get_authorizers(self):
    # moto: HTTP 500.
    api = self.apigatewayv2_backend.get_api(self.path.split("/")[-2])
    return 200, {}, json.dumps({"items": [authorizer.to_json() for authorizer in api.authorizers.values()]})


def stage_of(response, at):
    parts = response.path.split("/")
    return response.apigatewayv2_backend.get_stage(parts[at - 2], unquote(parts[at]))


def update_stage(self):
    # [UpdateStage]: what is named is replaced; the settings of routes by route. moto: HTTP 500.
    stage, sent = stage_of(self, -1), json.loads(self.body)
    names = {
        "accessLogSettings": "access_log_settings",
        "autoDeploy": "auto_deploy",
        "clientCertificateId": "client_certificate_id",
        "defaultRouteSettings": "default_route_settings",
        "description": "description",
        "stageVariables": "stage_variables",
    }
    for key, name in names.items():
        if key in sent:
            setattr(stage, name, sent[key])
    stage.route_settings = {**stage.route_settings, **sent.get("routeSettings", {})}
    return 200, {}, json.dumps(stage.to_json())


def delete_route_settings(self):
    # [DeleteRouteSettings]; moto knows no such path.
    before, _, key = self.path.partition("/routesettings/")
    api_id, name = before.split("/")[-3], unquote(before.split("/")[-1])
    stage = self.apigatewayv2_backend.get_stage(api_id, name)
    if stage.route_settings.pop(unquote(key), None) is None:
        raise APIGatewayV2Error("NotFoundException", "Invalid RouteSettings identifier specified")
    return 204, {}, ""


def tags_of_stages(change):
    # [TagResource, UntagResource]: stages have tags; moto keeps them apart, and shows those of the creation.
    def method(self, resource_arn, given):
        api, _, name = resource_arn.rpartition("/apis/")[2].partition("/stages/")
        if not name:
            return change(self, resource_arn, given)
        stage = self.get_stage(api, name)
        if isinstance(given, dict):
            stage.tags = {**stage.tags, **given}
        else:
            stage.tags = {key: value for key, value in stage.tags.items() if key not in given}

    return method


def apply():
    dispatch = ApiGatewayV2Response.dispatch
    stage = "{0}/v2/apis/(?P<api_id>[^/]+)/stages/(?P<stage_name>[^/]+)"
    urls.url_paths[stage + "/routesettings/(?P<route_key>.+)$"] = dispatch
    api = "{0}/v2/tags/(?P<resource_arn_pt1>[^/]+)/apis/(?P<resource_arn_pt2>[^/]+)"
    urls.url_paths[api + "/stages/(?P<stage_name>[^/]+)$"] = dispatch
    ApiGatewayV2Response.get_authorizers = get_authorizers
    ApiGatewayV2Response.update_stage = update_stage
    ApiGatewayV2Response.delete_route_settings = delete_route_settings
    amend.after(Api, "create_route", refuses_same_route)
    amend.after(Api, "create_stage", refuses_same_stage)
    amend.after(Api, "delete_stage", deletes_existing_stage)
    amend.after(Api, "delete_integration", keeps_used_integration)
    amend.after(Api, "delete_authorizer", keeps_used_authorizer)
    amend.after(Authorizer, "to_json", without_nothing)
    amend.after(Route, "to_json", without_nothing)
    amend.after(Route, "update", takes_empty_values)
    amend.after(ApiGatewayV2Backend, "delete_api", deletes_what_exists)
    amend.after(ApiGatewayV2Backend, "tag_resource", tags_of_stages)
    amend.after(ApiGatewayV2Backend, "untag_resource", tags_of_stages)
