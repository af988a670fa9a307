"""Device shadows: sections that are removed, the size limit, and shadows that outlive their thing, as on AWS."""

import json

import amend
from moto.core.exceptions import JsonRESTError
from moto.iot.exceptions import ResourceNotFoundException as UnknownThing
from moto.iot.models import IoTBackend
from moto.iotdata.exceptions import ResourceNotFoundException
from moto.iotdata.models import FakeShadow, IoTDataPlaneBackend

# [AWS 1.3] A shadow document has 8 KB, without its metadata.
MAX_DOCUMENT = 8 << 10


class TooLarge(JsonRESTError):
    def __init__(self):
        self.code = 413
        super().__init__("RequestEntityTooLargeException", "The payload exceeds the maximum size allowed")


# [AWS 7.6 UpdateThingShadow] null removes: a member, or all that is desired or reported. Moto leaves a section as it is.


def removes_sections(create):
    def method(previous, payload):
        state = (payload or {}).get("state") or {}
        removed = [section for section in ("desired", "reported") if section in state and state[section] is None]
        if not removed or previous is None:
            return create(previous, payload)
        kept = FakeShadow(previous.desired, previous.reported, previous.requested_payload, previous.version)
        for section in removed:
            setattr(kept, section, None)
        return create(kept, payload)

    return method


def limited(update):
    def method(self, thing_name, payload, shadow_name):
        if len(payload) > MAX_DOCUMENT:
            raise TooLarge()
        before = self.iot_backend.describe_thing(thing_name).thing_shadows.get(shadow_name)
        after = update(self, thing_name, payload, shadow_name)
        sections = {"desired": after.desired, "reported": after.reported}
        document = json.dumps({k: v for k, v in sections.items() if v}, separators=(",", ":"))
        if len(document) > MAX_DOCUMENT:
            shadows = self.iot_backend.describe_thing(thing_name).thing_shadows
            shadows.pop(shadow_name) if before is None else shadows.update({shadow_name: before})
            raise TooLarge()
        return after

    return method


# [moto.md: AWS: shadows need no registry thing] So they stay when their thing is deleted, and belong to the next thing
# of that name.


def left(backend):
    # Lives in the backend's dictionary, so that a reset empties it.
    return backend.__dict__.setdefault("shadows_left", {})


def leaves_shadows(delete):
    def method(self, thing_name):
        try:
            shadows = self.describe_thing(thing_name).thing_shadows
        except UnknownThing:
            shadows = {}
        answer = delete(self, thing_name)
        kept = {name: shadow for name, shadow in shadows.items() if not shadow.deleted}
        if kept:
            left(self)[thing_name] = kept
        return answer

    return method


def finds_shadows(create):
    def method(self, thing_name, *args, **kwargs):
        thing = create(self, thing_name, *args, **kwargs)
        found = left(self).pop(thing_name, {})
        if found:
            self.describe_thing(thing_name).thing_shadows.update(found)
        return thing

    return method


def without_thing(get):
    def method(self, thing_name, shadow_name):
        shadow = left(self.iot_backend).get(thing_name, {}).get(shadow_name)
        return shadow if shadow is not None else get(self, thing_name, shadow_name)

    return method


def once(delete):
    def method(self, thing_name, shadow_name):
        if left(self.iot_backend).get(thing_name, {}).pop(shadow_name, None) is not None:
            return FakeShadow(None, None, None, 1, deleted=True)
        shadow = self.iot_backend.describe_thing(thing_name).thing_shadows.get(shadow_name)
        if shadow is not None and shadow.deleted:
            raise ResourceNotFoundException()
        return delete(self, thing_name, shadow_name)

    return method


def apply():
    FakeShadow.create_from_previous_version = staticmethod(
        removes_sections(FakeShadow.create_from_previous_version)
    )
    amend.after(IoTDataPlaneBackend, "update_thing_shadow", limited)
    amend.after(IoTDataPlaneBackend, "get_thing_shadow", without_thing)
    amend.after(IoTDataPlaneBackend, "delete_thing_shadow", once)
    amend.after(IoTBackend, "delete_thing", leaves_shadows)
    amend.after(IoTBackend, "create_thing", finds_shadows)
