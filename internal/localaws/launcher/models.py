"""Every request held against the model of its service that AWS publishes and botocore carries.

moto takes nearly anything; AWS refuses a request that its model does not allow before it looks at it any further. A
request is read by wire.py and checked here: members that do not exist, are missing or have the wrong type, and each
limit of the model. What breaks a rule is kept for the test that sent it. The answer to the request does not change.
"""

import threading

import patterns
import wire
from botocore.utils import parse_timestamp

lock = threading.Lock()
violations = {}  # (service, operation, member, value, rule), each once, in order

BITS = {"integer": 31, "long": 63}
UNITS = {"list": "elements", "map": "entries", "blob": "bytes", "string": "characters"}


def check(environ):
    """Notes what the request breaks."""
    found, request = [], wire.Request(environ)
    if request.is_cut_off():
        return  # the client has gone, and waits for no answer
    try:
        request.find()
        if request.shape is not None:
            walk(request.shape, request.read(), "", found)
    except wire.Refused as refused:
        found.append((refused.member, refused.value, refused.rule))
    except Exception as error:  # a request that cannot be read is a finding, here or in wire.py
        found.append(("", "", f"cannot be read: {error!r}"))
    with lock:
        for member, value, rule in found:
            violations[request.service, request.operation, member, value, rule] = True


def listed():
    names = "service", "operation", "member", "value", "rule"
    with lock:
        return [dict(zip(names, key, strict=True)) for key in violations]


def forget():
    with lock:
        violations.clear()


def walk(shape, value, path, found):
    """Checks a value and all that is in it; found gets (member, value, rule)."""
    kind = shape.type_name
    if shape.metadata.get("document"):
        return  # any JSON
    wrong = mistyped(kind, value)
    if wrong:
        found.append((path, shown(shape, value), wrong))
        return
    for rule in broken(shape, kind, value):
        found.append((path, shown(shape, value), rule))
    if kind == "structure":
        members(shape, value, path, found)
    elif kind == "list":
        for i, element in enumerate(value):
            walk(shape.member, element, f"{path}[{i}]", found)
    elif kind == "map":
        for key, element in value.items():
            walk(shape.key, key, f"{path}.{key} (key)", found)
            walk(shape.value, element, f"{path}.{key}", found)


def members(shape, value, path, found):
    given = {name: member for name, member in value.items() if member is not None}
    for name, member in given.items():
        at = f"{path}.{name}".lstrip(".")
        if name in shape.members:
            walk(shape.members[name], member, at, found)
        else:
            found.append((at, shown(None, member), "there is no such member"))
    for name in shape.required_members:
        if name not in given:
            found.append((f"{path}.{name}".lstrip("."), "", "a required member is missing"))
    if shape.metadata.get("union") and len(given) != 1:
        found.append((path, ", ".join(given), "exactly one member may be set"))


def mistyped(kind, value):
    """The rule that a value of the wrong type breaks, or None."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind in BITS:
        right = number and not isinstance(value, float) and -(1 << BITS[kind]) <= value < 1 << BITS[kind]
    elif kind in ("float", "double"):
        right = number or value in ("NaN", "Infinity", "-Infinity")
    elif kind == "timestamp":
        right = number or isinstance(value, str) and is_time(value)
    else:
        types = {"structure": dict, "map": dict, "list": list, "string": str, "blob": bytes, "boolean": bool}
        right = isinstance(value, types[kind])
    return None if right else f"it has to be of type {kind}"


def is_time(text):
    try:
        parse_timestamp(text)
    except ValueError:
        return False
    return True


def broken(shape, kind, value):
    """The rules of the model that a value of the right type breaks."""
    limits = shape.metadata
    if kind in UNITS:
        size, unit = len(value), " " + UNITS[kind]
    elif kind in ("structure", "boolean", "timestamp"):
        return
    else:
        size, unit = value, ""
    if "min" in limits and size < limits["min"]:
        yield f"at least {limits['min']}{unit}, not {size}"
    if "max" in limits and size > limits["max"]:
        yield f"at most {limits['max']}{unit}, not {size}"
    if kind == "string" and limits.get("enum") and value not in limits["enum"]:
        yield "one of " + ", ".join(limits["enum"])
    if kind == "string" and "pattern" in limits and patterns.fits(limits["pattern"], value) is False:
        yield f"has to fit {limits['pattern']}"


def shown(shape, value):
    """A value for people: short, and no secret."""
    if shape is not None and shape.metadata.get("sensitive"):
        return f"(sensitive, {type(value).__name__})"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else text[:200] + "…"


def unchecked(service):
    """The patterns of a service's model that cannot be read, by shape."""
    model = wire.model(service)
    wanted = {name: model.shape_for(name).metadata.get("pattern") for name in model.shape_names}
    return {name: text for name, text in wanted.items() if text and patterns.fits(text, "") is None}
