"""The IoT registry and rules: tags, refusals, successes and a stable endpoint as on AWS."""

import json
from urllib.parse import parse_qsl

import amend
from moto.core.responses import ActionResult, EmptyResult
from moto.iot.exceptions import (
    InvalidRequestException,
    IoTClientError,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from moto.iot.models import FakeEndpoint, FakeRule, IoTBackend
from moto.iot.responses import IoTResponse

# [moto.md: IoT TagResource, UntagResource, ListTagsForResource not implemented; tags at creation dropped]


def tag_store(backend):
    # Lives in the backend's dictionary, so that a reset empties it.
    return backend.__dict__.setdefault("tags_by_arn", {})


def taggable(backend):
    arns = set()
    for kind in ("rules", "policies", "thing_groups", "thing_types", "role_aliases", "billing_groups", "ca_certificates"):
        arns.update(item.arn for item in getattr(backend, kind).values())
    arns.update(item.arn for item in backend.__dict__.get("provisioning_templates", {}).values())  # see amend/provisioning.py
    return arns


def tags_of(response):
    arn = response._get_param("resourceArn")
    if arn not in taggable(response.iot_backend):
        raise ResourceNotFoundException(f"Resource {arn} does not exist")
    return tag_store(response.iot_backend).setdefault(arn, {})


def tag_resource(self):
    tags_of(self).update({t["Key"]: t.get("Value", "") for t in self._get_param("tags")})
    return EmptyResult()


def untag_resource(self):
    tags = tags_of(self)
    for key in self._get_param("tagKeys"):
        tags.pop(key, None)
    return EmptyResult()


def list_tags_for_resource(self):
    tags = tags_of(self)
    return ActionResult({"tags": [{"Key": k, "Value": v} for k, v in sorted(tags.items())]})


def tagged_creation(arn_of):
    def change(create):
        def method(self):
            answer = create(self)
            store, arn = tag_store(self.iot_backend), arn_of(self, answer)
            # A re-created object starts without its predecessor's tags; an idempotent create changes none.
            if arn not in store:
                store[arn] = {t["Key"]: t.get("Value", "") for t in self._get_param("tags") or []}
            return answer

        return method

    return change


def rule_tags(create):
    # [AWS 2.1] CreateTopicRule takes its tags as one URL query string, in the header x-amz-tagging.
    def method(self):
        answer = create(self)
        rule = self.iot_backend.rules[self._get_param("ruleName")]
        tag_store(self.iot_backend)[rule.arn] = dict(parse_qsl(self.headers.get("x-amz-tagging", ""), keep_blank_values=True))
        return answer

    return method


def forgets_tags(delete):
    def method(self, *args, **kwargs):
        delete(self, *args, **kwargs)
        forget_tags(self)

    return method


def forget_tags(backend):
    known = taggable(backend)
    for arn in [a for a in tag_store(backend) if a not in known]:
        del tag_store(backend)[arn]


# [AWS 1.4 CreateThing]: the same configuration succeeds and changes nothing, another one is refused.


def idempotent_thing(create):
    def method(self, thing_name, thing_type_name, attribute_payload, billing_group_name=None):
        for thing in self.things.values():
            if thing.thing_name != thing_name:
                continue
            wanted = {k: v for k, v in ((attribute_payload or {}).get("attributes") or {}).items() if v}
            current = thing.thing_type.thing_type_name if thing.thing_type else None
            if wanted == thing.attributes and (thing_type_name or None) == current:
                return thing
            raise ResourceAlreadyExistsException(
                f"Thing {thing_name} already exists in account with different attributes", thing.thing_id, thing.arn
            )
        return create(self, thing_name, thing_type_name, attribute_payload, billing_group_name)

    return method


class VersionConflict(IoTClientError):
    code = 409

    def __init__(self, name):
        super().__init__("VersionConflictException", f"The version for thing {name} does not match the expected version.")


def versioned_thing(update):
    # [moto.md: UpdateThing ignores expectedVersion, and the version of a thing never changes]
    def method(self):
        thing = self.iot_backend.describe_thing(self._get_param("thingName"))
        expected = self._get_param("expectedVersion")
        if expected and int(expected) != thing.version:
            raise VersionConflict(thing.thing_name)
        answer = update(self)
        thing.version += 1
        return answer

    return method


def idempotent_thing_type(create):
    # [moto.md: CreateThingType overwrites silently]
    def method(self, thing_type_name, thing_type_properties):
        for known in self.thing_types.values():
            if known.thing_type_name != thing_type_name:
                continue
            if (known.thing_type_properties or {}) == (thing_type_properties or {}):
                return known.thing_type_name, known.arn
            raise ResourceAlreadyExistsException(f"Thing Type {thing_type_name} already exists", "", known.arn)
        return create(self, thing_type_name, thing_type_properties)

    return method


def strict_thing_type_deletion(delete):
    # [AWS 1.4 DeleteThingType]: deprecated first and in use by no thing. The five minutes are not kept here.
    def method(self, thing_type_name):
        thing_type = self.describe_thing_type(thing_type_name)
        if not thing_type.metadata.get("deprecated"):
            raise InvalidRequestException(f"Cannot delete thing type : {thing_type_name} is not deprecated")
        if any(t.thing_type and t.thing_type.thing_type_name == thing_type_name for t in self.things.values()):
            raise InvalidRequestException(f"Cannot delete thing type {thing_type_name}: things are associated with it")
        return delete(self, thing_type_name)

    return method


def exclusive_attachment(attach):
    # [AttachThingPrincipal thingPrincipalType]: moto forgets it.
    def method(self):
        answer = attach(self)
        pair = self.headers.get("x-amzn-principal"), self._get_param("thingName")
        exclusive = self.iot_backend.__dict__.setdefault("exclusive", set())
        (exclusive.add if self._get_param("thingPrincipalType") == "EXCLUSIVE_THING" else exclusive.discard)(pair)
        return answer

    return method


def list_principal_things_v2(self):
    # [ListPrincipalThingsV2]; moto has the list of names only.
    principal = self.headers.get("x-amzn-principal")
    exclusive = self.iot_backend.__dict__.get("exclusive", set())
    kinds = {True: "EXCLUSIVE_THING", False: "NON_EXCLUSIVE_THING"}
    return ActionResult(
        {
            "principalThingObjects": [
                {"thingName": thing, "thingPrincipalType": kinds[(principal, thing) in exclusive]}
                for thing in self.iot_backend.list_principal_things(principal_arn=principal)
            ]
        }
    )


def absent_is_success(delete):
    # [AWS 1.4 DeleteThing], [moto.md: DetachPolicy of a policy that is not attached succeeds on AWS]
    def method(self, *args, **kwargs):
        try:
            return delete(self, *args, **kwargs)
        except ResourceNotFoundException:
            return None

    return method


class RuleDenied(IoTClientError):
    code = 401

    def __init__(self, name):
        super().__init__("UnauthorizedException", f"Access to topic rule '{name}' was denied")


def hides_missing_rule(call):
    # [moto.md: a topic rule that does not exist answers UnauthorizedException on AWS]
    def method(self, rule_name, *args, **kwargs):
        if rule_name not in self.rules:
            raise RuleDenied(rule_name)
        return call(self, rule_name, *args, **kwargs)

    return method


def plain_error_action(describe):
    # [moto.md: errorAction {} although none was set; AWS leaves it out]
    def method(self):
        answer = describe(self)
        if not answer["rule"]["errorAction"]:
            del answer["rule"]["errorAction"]
        return answer

    return method


def replace_topic_rule(self, rule_name, **kwargs):
    # [moto.md: ReplaceTopicRule moves createdAt]; the tags stay as well.
    created = self.rules[rule_name].created_at
    tags = tag_store(self).get(self.rules[rule_name].arn)
    self.delete_topic_rule(rule_name)
    self.create_topic_rule(rule_name, **kwargs)
    self.rules[rule_name].created_at = created
    if tags is not None:
        tag_store(self)[self.rules[rule_name].arn] = tags


def valid_policy(create):
    # [moto.md: a policy that is not JSON is accepted; AWS: MalformedPolicyException]
    def method(self, policy_name, policy_document, *args, **kwargs):
        try:
            json.loads(policy_document)
        except ValueError:
            raise IoTClientError("MalformedPolicyException", "Policy document is malformed") from None
        return create(self, policy_name, policy_document, *args, **kwargs)

    return method


def stable_endpoint(init):
    # [moto.md: DescribeEndpoint answers another random host each call]
    def method(self, endpoint_type, region_name):
        init(self, endpoint_type, region_name)
        self.endpoint = "a1b2c3d4e5f6g7" + self.endpoint[14:]

    return method


def apply():
    IoTResponse.tag_resource = tag_resource
    IoTResponse.untag_resource = untag_resource
    IoTResponse.list_tags_for_resource = list_tags_for_resource
    for operation, key in (
        ("create_policy", "policyArn"),
        ("create_thing_group", "thingGroupArn"),
        ("create_thing_type", "thingTypeArn"),
        ("create_role_alias", "roleAliasArn"),
    ):
        amend.after(IoTResponse, operation, tagged_creation(lambda _, answer, key=key: answer.result[key]))
    amend.after(IoTResponse, "create_topic_rule", rule_tags)
    amend.after(IoTResponse, "attach_thing_principal", exclusive_attachment)
    IoTResponse.list_principal_things_v2 = list_principal_things_v2

    amend.after(IoTBackend, "create_thing", idempotent_thing)
    amend.after(IoTResponse, "update_thing", versioned_thing)
    amend.after(IoTBackend, "create_thing_type", idempotent_thing_type)
    amend.after(IoTBackend, "delete_thing_type", strict_thing_type_deletion)
    amend.after(IoTBackend, "delete_thing", absent_is_success)
    amend.after(IoTBackend, "detach_policy", absent_is_success)
    amend.after(IoTBackend, "create_policy", valid_policy)
    for operation in ("delete_policy", "delete_topic_rule", "delete_thing_group", "delete_thing_type", "delete_role_alias"):
        amend.after(IoTBackend, operation, forgets_tags)
    IoTBackend.replace_topic_rule = replace_topic_rule
    for operation in (
        "get_topic_rule",
        "replace_topic_rule",
        "delete_topic_rule",
        "enable_topic_rule",
        "disable_topic_rule",
    ):
        amend.after(IoTBackend, operation, hides_missing_rule)
    amend.after(FakeRule, "to_get_dict", plain_error_action)
    amend.after(FakeEndpoint, "__init__", stable_endpoint)
