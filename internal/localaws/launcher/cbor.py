"""CBOR in front of moto, which speaks JSON only.

The AWS SDK for Go speaks to CloudWatch in CBOR [Smithy RPC v2 CBOR]. Such a request becomes one of AWS JSON, which
CloudWatch speaks as well, and the answer becomes CBOR again.
"""

import datetime
import io
import json

from botocore.serialize import RpcV2CBORSerializer

import serve
import wire


class Application:
    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        if environ.get("HTTP_SMITHY_PROTOCOL") != "rpc-v2-cbor":
            return self.application(environ, start_response)
        request = wire.Request(environ)
        request.find()
        status, headers, body = serve.answer(self.application, as_json(request, environ))
        headers, body = as_cbor(request.model, status, headers, body)
        start_response(status, headers)
        return [body]


def as_json(request, environ):
    sent = json.dumps(request.read(), default=str).encode()
    prefix = request.model.service_model.metadata["targetPrefix"]
    changed = dict(environ)
    for name in ("HTTP_SMITHY_PROTOCOL", "HTTP_CONTENT_ENCODING"):
        changed.pop(name, None)
    changed.update(
        PATH_INFO="/", REQUEST_URI="/", RAW_URI="/", CONTENT_TYPE="application/x-amz-json-1.0",
        CONTENT_LENGTH=str(len(sent)), HTTP_X_AMZ_TARGET=f"{prefix}.{request.operation}",
    )  # fmt: skip
    changed["wsgi.input"] = io.BytesIO(sent)
    return changed


def as_cbor(operation, status, headers, body):
    kept = [(name, value) for name, value in headers if name.lower() not in ("content-type", "content-length")]
    kept += [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
    document = json.loads(body or b"{}")
    out = bytearray()
    if status.startswith("2"):
        shape = operation.output_shape
        if shape is not None:
            RpcV2CBORSerializer()._serialize_data_item(out, typed(shape, document), shape)
        return kept, bytes(out) or b"\xa0"
    code = document.get("__type", "InternalServiceError").rpartition("#")[2]
    shape = next((e.name for e in operation.error_shapes if e.metadata.get("error", {}).get("code") == code), code)
    texts = {"__type": shape, "message": document.get("message") or document.get("Message") or ""}
    out.append(0xA0 | len(texts))  # a map of so many entries
    for text in (part for pair in texts.items() for part in pair):
        RpcV2CBORSerializer()._serialize_type_string(out, text, None, None)
    return [*kept, ("x-amzn-query-error", f"{code};Sender")], bytes(out)


def typed(shape, value):
    """A JSON value as the serializer wants it: times are times, and nulls are left out."""
    kind = shape.type_name
    if kind == "structure":
        known = {name: part for name, part in value.items() if part is not None and name in shape.members}
        return {name: typed(shape.members[name], part) for name, part in known.items()}
    if kind == "list":
        return [typed(shape.member, part) for part in value]
    if kind == "map":
        return {key: typed(shape.value, part) for key, part in value.items()}
    if kind == "timestamp" and isinstance(value, (int, float)):
        return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
    return float(value) if kind in ("float", "double") else value
