"""Greengrass V2, which moto does not have: components with their versions, and deployments to thing groups.

Nothing runs: a component is deployable at the second look, and a deployment stays ACTIVE, as one to a thing group does.
"""

import base64
import datetime
import hashlib
import json
import re
from urllib.parse import unquote

import amend
from moto.core.exceptions import JsonRESTError
from moto.core.responses import BaseResponse
from moto.greengrass import urls
from moto.greengrass.models import greengrass_backends
from moto.iot.models import IoTBackend, iot_backends
from moto.moto_api._internal import mock_random
from moto.s3.models import s3_backends
from moto.utilities.utils import get_partition


class Refused(JsonRESTError):
    def __init__(self, code, name, message):
        super().__init__(name, message)
        self.code = code


def absent(what):
    return Refused(404, "ResourceNotFoundException", f"{what} does not exist")


def now():
    return datetime.datetime.now(datetime.timezone.utc).timestamp()


class GreengrassV2Response(BaseResponse):
    def __init__(self):
        super().__init__(service_name="greengrassv2")

    @property
    def state(self):
        """Lives in the dictionary of moto's backend of version 1, so that reset and snapshot take it along."""
        backend = greengrass_backends[self.current_account][self.region]
        return backend.__dict__.setdefault("version_2", {"components": {}, "deployments": {}})

    def arn(self, resource):
        return f"arn:{get_partition(self.region)}:greengrass:{self.region}:{self.current_account}:{resource}"

    def named(self, key="arn"):
        return unquote(self._get_param(key))

    # Components.

    def create_component_version(self):
        recipe = json.loads(base64.b64decode(self._get_param("inlineRecipe")))
        if recipe.get("RecipeFormatVersion") != "2020-01-25" or not recipe.get("Manifests"):
            raise Refused(400, "ValidationException", "The recipe is not valid.")
        name, version = recipe["ComponentName"], recipe["ComponentVersion"]
        # [component recipe reference, ComponentVersion]: semantic versions, here without what follows a hyphen.
        if not re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", version):
            raise Refused(400, "ValidationException", f"{version} is not a version.")
        arn = self.arn(f"components:{name}:versions:{version}")
        # [CreateComponentVersion, Errors: ConflictException]
        if arn in self.state["components"]:
            raise Refused(409, "ConflictException", f"Component [{name} : {version}] already exists.")
        for manifest in recipe["Manifests"]:
            for artifact in manifest.get("Artifacts", []):
                # [component recipe reference, Digest]: AWS reads the artifact when the component is created.
                artifact["Algorithm"], artifact["Digest"] = "SHA-256", self.digest(artifact["URI"])
        component = {
            "arn": arn, "componentName": name, "componentVersion": version, "creationTimestamp": now(),
            "publisher": recipe.get("ComponentPublisher", ""), "description": recipe.get("ComponentDescription", ""),
            "status": {"componentState": "REQUESTED", "message": "NONE", "errors": {}},
            "recipe": json.dumps(recipe), "tags": self._get_param("tags") or {},
        }  # fmt: skip
        self.state["components"][arn] = component
        return 201, {}, json.dumps({k: component[k] for k in ("arn", "componentName", "componentVersion", "creationTimestamp", "status")})

    def digest(self, uri):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        s3 = s3_backends[self.current_account][get_partition(self.region)]
        found = s3.get_object(bucket, key) if bucket in s3.buckets else None
        if found is None:
            raise Refused(400, "ValidationException", f"Could not access the artifact {uri}.")
        return base64.b64encode(hashlib.sha256(found.value).digest()).decode()

    def component(self):
        arn = self.named()
        if arn not in self.state["components"]:
            raise absent(f"Component {arn}")
        return self.state["components"][arn]

    def describe_component(self):
        component = self.component()
        shown = json.dumps({k: v for k, v in component.items() if k != "recipe"})
        component["status"]["componentState"] = "DEPLOYABLE"
        return shown

    def get_component(self):
        component = self.component()
        recipe = base64.b64encode(component["recipe"].encode()).decode()
        return json.dumps({"recipeOutputFormat": "JSON", "recipe": recipe, "tags": component["tags"]})

    def list_component_versions(self):
        prefix = self.named() + ":versions:"
        listed = [c for arn, c in self.state["components"].items() if arn.startswith(prefix)]
        if not listed:
            raise absent(f"Component {self.named()}")
        listed.sort(key=lambda c: c["creationTimestamp"], reverse=True)
        return json.dumps(
            {"componentVersions": [{k: c[k] for k in ("arn", "componentName", "componentVersion")} for c in listed]}
        )

    def list_components(self):
        newest = {}
        for component in self.state["components"].values():
            arn = component["arn"].partition(":versions:")[0]
            newest[arn] = {
                "arn": arn,
                "componentName": component["componentName"],
                "latestVersion": {k: component[k] for k in ("arn", "componentVersion", "creationTimestamp", "description", "publisher")},
            }
        return json.dumps({"components": list(newest.values())})

    def delete_component(self):
        del self.state["components"][self.component()["arn"]]
        return 204, {}, ""

    # Deployments.

    def create_deployment(self):
        target = self._get_param("targetArn")
        groups = iot_backends[self.current_account][self.region].thing_groups
        if ":thinggroup/" in target and target not in groups:
            raise absent(f"Target {target}")
        components = self._get_param("components") or {}
        for name, wanted in components.items():
            if self.arn(f"components:{name}:versions:{wanted['componentVersion']}") not in self.state["components"]:
                raise Refused(400, "ValidationException", f"Component {name} has no version {wanted['componentVersion']}.")
        # [CreateDeployment]: a target has one deployment; a further one is a revision in its place.
        revision = 1
        for other in self.state["deployments"].values():
            if other["targetArn"] == target:
                revision = max(revision, int(other["revisionId"]) + 1)
                other["isLatestForTarget"] = False
                if other["deploymentStatus"] == "ACTIVE":
                    other["deploymentStatus"] = "INACTIVE"
        number = str(mock_random.uuid4())
        job = str(mock_random.uuid4())
        deployment = {
            "targetArn": target, "revisionId": str(revision), "deploymentId": number,
            "deploymentName": self._get_param("deploymentName") or "", "deploymentStatus": "ACTIVE",
            "isLatestForTarget": True, "creationTimestamp": now(), "components": components,
            "deploymentPolicies": self._get_param("deploymentPolicies") or {},
            "iotJobConfiguration": self._get_param("iotJobConfiguration") or {},
            "iotJobId": job, "iotJobArn": f"arn:{get_partition(self.region)}:iot:{self.region}:{self.current_account}:job/{job}",
            "tags": self._get_param("tags") or {},
        }  # fmt: skip
        self.state["deployments"][number] = deployment
        return 201, {}, json.dumps({k: deployment[k] for k in ("deploymentId", "iotJobId", "iotJobArn")})

    def deployment(self):
        number = self.named("deploymentId")
        if number not in self.state["deployments"]:
            raise absent(f"Deployment {number}")
        return self.state["deployments"][number]

    def get_deployment(self):
        return json.dumps(self.deployment())

    def list_deployments(self):
        target, latest = self._get_param("targetArn"), self._get_param("historyFilter") != "ALL"
        members = ("targetArn", "revisionId", "deploymentId", "deploymentName", "creationTimestamp", "deploymentStatus",
                   "isLatestForTarget")  # fmt: skip
        listed = [
            {k: d[k] for k in members}
            for d in self.state["deployments"].values()
            if (not target or d["targetArn"] == unquote(target)) and (d["isLatestForTarget"] or not latest)
        ]
        return json.dumps({"deployments": listed})

    def cancel_deployment(self):
        deployment = self.deployment()
        if deployment["deploymentStatus"] != "ACTIVE":
            raise Refused(409, "ConflictException", "Only an active deployment can be cancelled.")
        deployment["deploymentStatus"] = "CANCELED"
        return json.dumps({"message": "SUCCESS"})

    def delete_deployment(self):
        # [DeleteDeployment]: an active one has to be cancelled first.
        deployment = self.deployment()
        if deployment["deploymentStatus"] == "ACTIVE":
            raise Refused(409, "ConflictException", "The deployment is active. Cancel it first.")
        del self.state["deployments"][deployment["deploymentId"]]
        return 204, {}, ""

    # Tags.

    def tagged(self):
        arn = self.named("resourceArn")
        if arn in self.state["components"]:
            return self.state["components"][arn]["tags"]
        number = arn.rpartition(":deployments:")[2]
        if number in self.state["deployments"]:
            return self.state["deployments"][number]["tags"]
        raise absent(f"Resource {arn}")

    def tag_resource(self):
        self.tagged().update(self._get_param("tags"))
        return "{}"

    def untag_resource(self):
        tags = self.tagged()
        for key in self.querystring.get("tagKeys", []):
            tags.pop(key, None)
        return "{}"


def leaves_groups(delete):
    # [DeleteThing]: a thing that is gone is in no thing group; moto goes on listing it.
    def method(self, thing_name):
        arns = [thing.arn for thing in self.things.values() if thing.thing_name == thing_name]
        delete(self, thing_name)
        for group in self.thing_groups.values():
            for arn in arns:
                group.things.pop(arn, None)

    return method


PATHS = (
    "/greengrass/v2/createComponentVersion",
    "/greengrass/v2/components",
    "/greengrass/v2/components/(?P<arn>[^/]+)",
    "/greengrass/v2/components/(?P<arn>[^/]+)/metadata",
    "/greengrass/v2/components/(?P<arn>[^/]+)/versions",
    "/greengrass/v2/deployments",
    "/greengrass/v2/deployments/(?P<deployment_id>[^/]+)",
    "/greengrass/v2/deployments/(?P<deployment_id>[^/]+)/cancel",
    "/tags/(?P<resource_arn>[^/]+)",
)


def apply():
    for path in PATHS:
        urls.url_paths["{0}" + path + "$"] = GreengrassV2Response.dispatch
    amend.after(IoTBackend, "delete_thing", leaves_groups)
