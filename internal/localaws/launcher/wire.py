"""Which operation a request asks for, and what it sends, in the words of the service's model.

A request is read by the protocol that it speaks: AWS JSON, CBOR, query, REST-JSON or REST-XML. What it sends becomes
dictionaries by the names of the model's members; a name that the model does not have stays as it is, for models.py to
find. Services are known by the name that the request is signed for.
"""

import base64
import binascii
import datetime
import functools
import gzip
import io
import json
import re
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

import botocore.session
from botocore.parsers import RpcV2CBORParser

# Where a request is signed for another name than botocore's.
SIGNED_FOR = {
    "apigateway": ["apigatewayv2"],
    "greengrass": ["greengrassv2"],
    "iotdata": ["iot-data"],
    "monitoring": ["cloudwatch"],
    "states": ["stepfunctions"],
    "tagging": ["resourcegroupstaggingapi"],
    "timestream": ["timestream-write", "timestream-query"],
}
# Headers of the transport, of signatures and of the SDKs.
TRANSPORT = re.compile(
    r"x-amz-(date|content-sha256|security-token|target|user-agent|decoded-content-length|trailer|te|checksum-.*)"
)
SDK_QUERY = re.compile(r"x-id|X-Amz-.*")


class Refused(Exception):
    """A request that the model does not define."""

    def __init__(self, rule, value="", member=""):
        super().__init__(rule)
        self.rule, self.value, self.member = rule, value, member


@functools.cache
def session():
    return botocore.session.get_session()


@functools.cache
def model(service):
    return session().get_service_model(service)


def signed_for(environ):
    """The service in the scope of the signature: …Credential=KEY/20260102/us-east-1/iot/aws4_request, …"""
    text = environ.get("HTTP_AUTHORIZATION") or unquote(environ.get("QUERY_STRING", ""))
    scope = re.search(r"Credential=[^/]+/\d+/[^/]*/([^/]+)/aws4_request", text)
    if not scope:
        raise Refused("the request is not signed", f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO')}")
    return scope[1]


class Request:
    """A request: service and operation are names, shape is what the operation takes (None: nothing)."""

    def __init__(self, environ):
        self.service, self.operation, self.shape = "", "", None
        self.environ = environ
        self.path = environ.get("REQUEST_URI", environ["PATH_INFO"]).partition("?")[0]
        self.query = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        self.sent = environ["wsgi.input"].read()  # serve.py has read it from the connection
        environ["wsgi.input"] = io.BytesIO(self.sent)

    def is_cut_off(self):
        return len(self.sent) < int(self.environ.get("CONTENT_LENGTH") or 0)

    def find(self):
        """Finds the operation, and how to read what is sent."""
        self.service = signed_for(self.environ)
        services = SIGNED_FOR.get(self.service, [self.service])
        target, smithy = self.environ.get("HTTP_X_AMZ_TARGET"), self.environ.get("HTTP_SMITHY_PROTOCOL")
        if target:
            prefix, _, operation = target.rpartition(".")
            self.read = self.json
        elif smithy == "rpc-v2-cbor":
            prefix, _, operation = self.path.rpartition("/service/")[2].split("/")
            self.read = self.cbor
        elif self.environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
            self.form = dict(parse_qsl(self.body.decode(), keep_blank_values=True))
            prefix, operation = None, self.form.pop("Action", "")
            self.read = self.parameters
        else:
            self.read = self.rest
            self.choose(services)
            return
        for service in services:
            known = model(service)
            if operation in known.operation_names and prefix in (None, known.metadata.get("targetPrefix")):
                self.set(known.operation_model(operation))
                return
        self.operation = operation
        raise Refused("there is no such operation", target or operation or repr(self.body))

    @functools.cached_property
    def body(self):
        return gzip.decompress(self.sent) if self.environ.get("HTTP_CONTENT_ENCODING") == "gzip" else self.sent

    def set(self, operation):
        self.service, self.operation = operation.service_model.service_name, operation.name
        self.shape, self.model = operation.input_shape, operation

    def choose(self, services):
        """The operation of a REST service, by method and path; where several have the same, by what they require."""
        queried = dict(self.query)
        fitting = []
        for service in services:
            for route in routes(service):
                labels = route.fits(self.environ["REQUEST_METHOD"], self.path, queried)
                if labels is not None:
                    fitting.append((route.rank(queried, self.environ), route, labels))
        if not fitting:
            raise Refused("there is no such operation", f"{self.environ['REQUEST_METHOD']} {self.path}")
        _, self.route, self.labels = max(fitting, key=lambda f: f[0])
        self.set(self.route.operation)

    def json(self):
        return from_document(self.shape, json.loads(self.body or b"{}"))

    def cbor(self):
        stream = io.BufferedReader(io.BytesIO(self.body))
        return from_document(self.shape, RpcV2CBORParser().parse_data_item(stream) if self.body else {})

    def parameters(self):
        version = self.form.pop("Version", None)
        if version != self.model.service_model.api_version:
            raise Refused(f"the version has to be {self.model.service_model.api_version}", str(version), "Version")
        root = {}
        for name, value in self.form.items():
            *above, last = name.split(".")
            node = root
            for part in above:
                node = node.setdefault(part, {})
            node[last] = value
        return from_query(self.shape, root)

    def rest(self):
        members = self.shape.members
        sent = {name: from_text(members[name], text) for name, text in self.labels.items()}
        sent.update(self.queried())
        sent.update(self.headed())
        payload = self.shape.serialization.get("payload")
        within = payload and members[payload]
        if payload and within.type_name in ("blob", "string"):
            if self.body or within.serialization.get("streaming"):
                sent[payload] = self.body if within.type_name == "blob" else self.body.decode()
        elif self.body:
            sent.update(self.bodied(payload, within))
        return sent

    def bodied(self, payload, within):
        if self.model.service_model.protocol == "rest-xml":
            return {payload: from_xml(within, root(within, self.body))}
        value = json.loads(self.body)
        return {payload: from_document(within, value)} if payload else from_document(self.shape, value, body=True)

    def queried(self):
        """The members in the query by name, and everything else under its own key."""
        sent, rest = {}, [(key, text) for key, text in self.query if key not in self.route.query]
        for name, member in self.shape.members.items():
            if member.serialization.get("location") != "querystring":
                continue
            key = member.serialization.get("name", name)
            given = [text for k, text in rest if k == key]
            rest = [(k, text) for k, text in rest if k != key]
            if given and member.type_name == "list":
                sent[name] = [from_text(member.member, text) for text in given]
            elif given:
                sent[name] = from_text(member, given[0])
        return sent | {f"?{key}": text for key, text in rest if not SDK_QUERY.fullmatch(key)}

    def headed(self):
        headers = {
            key[5:].replace("_", "-").lower(): text for key, text in self.environ.items() if key.startswith("HTTP_")
        }
        sent, known = {}, set()
        for name, member in self.shape.members.items():
            key = member.serialization.get("name", name).lower()
            if member.serialization.get("location") == "headers":
                sent[name] = {k[len(key) :]: text for k, text in headers.items() if k.startswith(key)}
                known.update(k for k in headers if k.startswith(key))
            elif member.serialization.get("location") == "header" and key in headers:
                sent[name] = from_header(member, headers[key])
                known.add(key)
        others = (k for k in headers if k.startswith("x-amz-") and k not in known and not TRANSPORT.fullmatch(k))
        return sent | {f"header {k}": headers[k] for k in others}


class Route:
    """What method, path and query of an operation look like in REST."""

    def __init__(self, operation):
        path, _, query = operation.http["requestUri"].partition("?")
        self.operation, self.method = operation, operation.http["method"]
        self.query = dict(parse_qsl(query, keep_blank_values=True))
        pattern = re.sub(r"\\\{([\w\\-]+?)(\\\+)?\\\}", label, re.escape(path.rstrip("/")))
        self.path = re.compile(pattern + "/?")
        self.literals = sum(1 for part in path.split("/") if part and not part.startswith("{"))
        self.names = {}
        self.required = []
        shape = operation.input_shape
        for name, member in (shape.members if shape else {}).items():
            where, key = member.serialization.get("location"), member.serialization.get("name", name)
            if where == "uri":
                self.names[group(key)] = name
            elif where in ("querystring", "header") and name in shape.required_members:
                self.required.append((where, key))

    def fits(self, method, path, query):
        """The path's labels by member, if it is this operation's."""
        asked = all(key in query and text in ("", query[key]) for key, text in self.query.items())
        match = self.path.fullmatch(path) if asked and method == self.method else None
        return match and {self.names[key]: unquote(text) for key, text in match.groupdict().items()}

    def rank(self, query, environ):
        present = [
            key in query if where == "querystring" else "HTTP_" + key.upper().replace("-", "_") in environ
            for where, key in self.required
        ]
        return self.literals, len(self.query), -present.count(False), len(present), not self.operation.deprecated


def label(match):
    name = group(match[1])
    return f"(?P<{name}>.+)" if match[2] else f"(?P<{name}>[^/]+)"


def group(name):
    """A label's name as regular expressions take it; API Gateway has some with a hyphen."""
    return re.sub(r"\W+", "_", name)


@functools.cache
def routes(service):
    known = model(service)
    return [Route(known.operation_model(name)) for name in known.operation_names]


def from_text(shape, text):
    """A value that was sent as text, as far as it can be read as what it should be."""
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "blob":
            return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return text
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


def from_header(shape, text):
    if shape.type_name == "list":
        return [from_text(shape.member, part.strip()) for part in text.split(",")]
    return from_text(shape, text)


def named(shape, body):
    """A structure's members by their names in a document; with body only those in the body of a REST request."""
    return {
        member.serialization.get("name", name): (name, member)
        for name, member in shape.members.items()
        if not (body and "location" in member.serialization)
    }


def from_document(shape, value, body=False):
    """A value of JSON or CBOR."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict) and not shape.metadata.get("document"):
        known = named(shape, body)
        sent = {}
        for key, part in value.items():
            name, member = known.get(key, (key, None))
            sent[name] = part if member is None else from_document(member, part)
        return sent
    if kind == "list" and isinstance(value, list):
        return [from_document(shape.member, part) for part in value]
    if kind == "map" and isinstance(value, dict):
        return {key: from_document(shape.value, part) for key, part in value.items()}
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    return from_text(shape, value) if kind == "blob" and isinstance(value, str) else value


def from_query(shape, node):
    """A value of the query protocol; node has the parameters below it, taken apart at the dots."""
    kind = shape.type_name
    if kind not in ("structure", "list", "map"):
        return from_text(shape, node) if isinstance(node, str) else node
    if not isinstance(node, dict):
        return [] if kind == "list" and node == "" else node  # that is how an empty list is sent
    if kind == "structure":
        known = named_in_query(shape)
        sent = {}
        for key, part in node.items():
            name, member = known.get(key, (key, None))
            sent[name] = part if member is None else from_query(member, part)
        return sent
    if not shape.serialization.get("flattened"):
        node = node.get("entry" if kind == "map" else shape.member.serialization.get("name", "member"), node)
    parts = [node[key] for key in sorted(node, key=int)]
    if kind == "list":
        return [from_query(shape.member, part) for part in parts]
    key, value = (inner.serialization.get("name", name) for inner, name in ((shape.key, "key"), (shape.value, "value")))
    return {part[key]: from_query(shape.value, part[value]) for part in parts}


def named_in_query(shape):
    known = {}
    for name, member in shape.members.items():
        key = member.serialization.get("name", name)
        if member.type_name == "list" and member.serialization.get("flattened"):
            key = member.member.serialization.get("name", key)
        known[key] = name, member
    return known


def root(shape, body):
    """The element that a body is, which has to have the name and the namespace of the model."""
    element = ElementTree.fromstring(body)
    name = shape.serialization.get("name", shape.name)
    space = shape.serialization.get("xmlNamespace", {}).get("uri")
    wanted = f"{{{space}}}{name}" if space else name
    if element.tag != wanted:
        raise Refused(f"the body has to be {wanted}", element.tag)
    return element


def from_xml(shape, element):
    """A value of an XML element."""
    kind = shape.type_name
    if kind == "list":
        return [from_xml(shape.member, child) for child in element]
    if kind != "structure":
        return from_text(shape, element.text or "")
    known, sent = named(shape, False), {}
    for key in {local(child.tag): None for child in element}:  # in order, each once
        name, member = known.get(key, (key, None))
        children = [child for child in element if local(child.tag) == key]
        if member is None:
            sent[name] = children[0].text
        elif member.type_name == "list" and member.serialization.get("flattened"):
            sent[name] = [from_xml(member.member, child) for child in children]
        else:
            values = [from_xml(member, child) for child in children]
            sent[name] = values[0] if len(values) == 1 else values
    for key, text in element.attrib.items():
        name, member = known.get("xsi:" + local(key), (key, None))
        sent[name] = text if member is None else from_text(member, text)
    return sent


def local(tag):
    return tag.rpartition("}")[2]
