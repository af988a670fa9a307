"""Provisioning templates, and certificate authorities that register devices with one.

moto has no templates at all [moto.md: provisioning templates and claims not implemented] and keeps of a CA certificate only
its text, its status and a registration configuration it does not look at. Shapes, names, lengths and error codes are those
of AWS's API model; what a template's body means is left to AWS.
"""

import json
import re
import uuid

import amend
from cryptography import x509
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.iot.exceptions import (
    CertificateStateException,
    DeleteConflictException,
    InvalidRequestException,
    IoTClientError,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from moto.iot.models import FakeCaCertificate
from moto.iot.responses import IoTResponse

from amend import iot

NAME = re.compile(r"[0-9A-Za-z_-]{1,36}")  # [AWS 1.3 provisioning template name]
ROLE = re.compile(r"arn:aws[a-zA-Z-]*:iam::\d{12}:role/[\w+=,.@/-]+")
FUNCTION = re.compile(r"arn:aws[a-zA-Z-]*:lambda:[a-z0-9-]+:\d{12}:function:[\w:-]+")
TYPES = ("FLEET_PROVISIONING", "JITP")  # [AWS 4 Types]
MODES = ("DEFAULT", "SNI_ONLY")
HOOK_VERSION = "2020-04-01"  # [AWS 4 Pre-provisioning hook]
LONGEST_BODY = 10240  # bytes [AWS 1.3 provisioning template name]
LONGEST_DESCRIPTION = 500
VERSIONS = 5  # as of a policy [AWS 1.4 6th CreatePolicyVersion]; the model has the same exception for templates


class VersionsLimitExceeded(IoTClientError):
    def __init__(self, name):
        self.code = 409
        super().__init__(
            "VersionsLimitExceededException", f"The template {name} already has the maximum number of versions ({VERSIONS})"
        )


class CertificateInvalid(IoTClientError):
    def __init__(self, message):
        super().__init__("CertificateValidationException", message)


def valid_body(text):
    if len((text or "").encode()) > LONGEST_BODY:
        raise InvalidRequestException(f"The template body is longer than {LONGEST_BODY} bytes.")
    try:
        body = json.loads(text)
    except (TypeError, ValueError):
        raise InvalidRequestException("The template body is not valid JSON.") from None
    # [AWS 4 Template sections]
    if not isinstance(body, dict) or not isinstance(body.get("Resources"), dict):
        raise InvalidRequestException("The template body has no Resources.")
    return text


def valid_role(arn):
    if not ROLE.fullmatch(arn or ""):
        raise InvalidRequestException(f"The provisioning role {arn} is not the ARN of a role.")
    return arn


def valid_description(text):
    if len(text or "") > LONGEST_DESCRIPTION:
        raise InvalidRequestException(f"The description is longer than {LONGEST_DESCRIPTION} characters.")
    return text


class Template:
    """A provisioning template with its versions."""

    def __init__(self, backend, name, kind):
        self.name = name
        self.kind = kind
        self.arn = f"arn:{backend.partition}:iot:{backend.region_name}:{backend.account_id}:provisioningtemplate/{name}"
        self.description = self.role = self.hook = None
        self.enabled = False
        self.created = self.modified = utcnow()
        self.versions = {}  # number → {body, created}
        self.default = self.last = 0

    def add(self, body, default):
        if len(self.versions) >= VERSIONS:
            raise VersionsLimitExceeded(self.name)
        self.last += 1  # numbers are not used again
        self.versions[self.last] = {"body": body, "created": utcnow()}
        if default:
            self.default = self.last
        return self.last

    def set_hook(self, hook):
        # [AWS 4 Types] PreProvisioningHook only for FLEET_PROVISIONING.
        if self.kind != "FLEET_PROVISIONING":
            raise InvalidRequestException(f"A template of type {self.kind} cannot have a pre-provisioning hook.")
        if not FUNCTION.fullmatch(hook.get("targetArn") or ""):
            raise InvalidRequestException("The target of the pre-provisioning hook is not the ARN of a function.")
        version = hook.get("payloadVersion") or HOOK_VERSION
        if version != HOOK_VERSION:
            raise InvalidRequestException(f"The payload version {version} of the pre-provisioning hook is not supported.")
        self.hook = {"payloadVersion": version, "targetArn": hook["targetArn"]}

    def summary(self):
        answer = {
            "templateArn": self.arn,
            "templateName": self.name,
            "creationDate": self.created,
            "lastModifiedDate": self.modified,
            "enabled": self.enabled,
            "type": self.kind,
        }
        if self.description:
            answer["description"] = self.description
        return answer

    def describe(self):
        answer = self.summary() | {
            "defaultVersionId": self.default,
            "templateBody": self.versions[self.default]["body"],
            "provisioningRoleArn": self.role,
        }
        if self.hook:
            answer["preProvisioningHook"] = self.hook
        return answer


def templates(backend):
    # Lives in the backend's dictionary, so that a reset empties it.
    return backend.__dict__.setdefault("provisioning_templates", {})


def template(backend, name):
    if name not in templates(backend):
        raise ResourceNotFoundException(f"The provisioning template {name} does not exist.")
    return templates(backend)[name]


def create_provisioning_template(self):
    known, name = templates(self.iot_backend), self._get_param("templateName") or ""
    kind = self._get_param("type") or "FLEET_PROVISIONING"
    if not NAME.fullmatch(name):
        raise InvalidRequestException(f"The template name {name} is not valid.")
    if kind not in TYPES:
        raise InvalidRequestException(f"The template type {kind} is not valid.")
    made = Template(self.iot_backend, name, kind)
    made.description = valid_description(self._get_param("description"))
    made.role = valid_role(self._get_param("provisioningRoleArn"))
    made.enabled = bool(self._get_param("enabled"))
    made.add(valid_body(self._get_param("templateBody")), default=True)
    if self._get_param("preProvisioningHook"):
        made.set_hook(self._get_param("preProvisioningHook"))
    if name in known:
        raise ResourceAlreadyExistsException(f"The provisioning template {name} already exists.", name, known[name].arn)
    known[name] = made
    return ActionResult({"templateArn": made.arn, "templateName": name, "defaultVersionId": made.default})


def describe_provisioning_template(self):
    return ActionResult(template(self.iot_backend, self._get_param("templateName")).describe())


def update_provisioning_template(self):
    changed = template(self.iot_backend, self._get_param("templateName"))
    hook, unhook = self._get_param("preProvisioningHook"), self._get_param("removePreProvisioningHook")
    if hook and unhook:
        raise InvalidRequestException("A pre-provisioning hook cannot be set and removed at once.")
    if self._get_param("defaultVersionId") is not None and self._get_param("defaultVersionId") not in changed.versions:
        raise ResourceNotFoundException(f"The template {changed.name} has no such version.")
    description, role = self._get_param("description"), self._get_param("provisioningRoleArn")
    if description is not None:
        changed.description = valid_description(description)
    if role is not None:
        changed.role = valid_role(role)
    if self._get_param("enabled") is not None:
        changed.enabled = bool(self._get_param("enabled"))
    if self._get_param("defaultVersionId") is not None:
        changed.default = self._get_param("defaultVersionId")
    if unhook:
        changed.hook = None
    if hook:
        changed.set_hook(hook)
    changed.modified = utcnow()
    return EmptyResult()


def delete_provisioning_template(self):
    name = template(self.iot_backend, self._get_param("templateName")).name
    # The exception's own text in the model: attached to one or more resources. What can be attached is a CA.
    for ca in self.iot_backend.ca_certificates.values():
        if (ca.registration_config or {}).get("templateName") == name:
            raise DeleteConflictException(f"The template {name} is attached to one or more resources.")
    del templates(self.iot_backend)[name]
    iot.forget_tags(self.iot_backend)
    return EmptyResult()


def list_provisioning_templates(self):
    return ActionResult({"templates": [t.summary() for t in templates(self.iot_backend).values()]})


def create_provisioning_template_version(self):
    changed = template(self.iot_backend, self._get_param("templateName"))
    number = changed.add(valid_body(self._get_param("templateBody")), bool(self._get_bool_param("setAsDefault")))
    answer = {"templateArn": changed.arn, "templateName": changed.name, "versionId": number}
    return ActionResult(answer | {"isDefaultVersion": number == changed.default})


def list_provisioning_template_versions(self):
    shown = template(self.iot_backend, self._get_param("templateName"))
    return ActionResult(
        {
            "versions": [
                {"versionId": number, "creationDate": version["created"], "isDefaultVersion": number == shown.default}
                for number, version in sorted(shown.versions.items(), reverse=True)
            ]
        }
    )


def delete_provisioning_template_version(self):
    changed, number = template(self.iot_backend, self._get_param("templateName")), int(self._get_param("versionId"))
    if number not in changed.versions:
        raise ResourceNotFoundException(f"The template {changed.name} has no version {number}.")
    if number == changed.default:
        raise DeleteConflictException(f"Version {number} is the default version of the template {changed.name}.")
    del changed.versions[number]
    return EmptyResult()


# Certificate authorities. moto's keeps no mode, no automatic registration and no tags, and calls a CA's ARN cert/.


def keeps_registration(init):
    def method(self, ca_certificate, status, account_id, region_name, registration_config):
        try:
            certificate = x509.load_pem_x509_certificate(ca_certificate.encode())
        except ValueError:
            raise CertificateInvalid("The CA certificate is not a certificate.") from None
        init(self, ca_certificate, status, account_id, region_name, registration_config)
        self.arn = self.arn.replace(":cert/", ":cacert/")
        self.validity_not_before = certificate.not_valid_before_utc
        self.validity_not_after = certificate.not_valid_after_utc
        self.mode, self.auto_registration, self.generation = "DEFAULT", "DISABLE", str(uuid.uuid4())

    return method


def valid_registration(backend, config):
    # [AWS 4 JITP]: a template of type JITP by name, or a body of one with a role.
    if not config:
        return None
    if config.get("roleArn"):
        valid_role(config["roleArn"])
    if config.get("templateBody"):
        valid_body(config["templateBody"])
    if config.get("templateName") and template(backend, config["templateName"]).kind != "JITP":
        raise InvalidRequestException(f"The template {config['templateName']} is not of type JITP.")
    return {k: v for k, v in config.items() if v}


def register_ca_certificate(self):
    backend = self.iot_backend
    mode = self._get_param("certificateMode") or "DEFAULT"
    if mode not in MODES:
        raise InvalidRequestException(f"The certificate mode {mode} is not valid.")
    # [SDK RegisterCACertificateInput.VerificationCertificate]
    if bool(self._get_param("verificationCertificate")) == (mode == "SNI_ONLY"):
        raise InvalidRequestException(f"A verification certificate and the mode {mode} do not go together.")
    made = FakeCaCertificate(
        self._get_param("caCertificate") or "",
        "ACTIVE" if self._get_bool_param("setAsActive") else "INACTIVE",
        backend.account_id,
        backend.region_name,
        valid_registration(backend, self._get_param("registrationConfig")),
    )
    made.mode = mode
    if self._get_bool_param("allowAutoRegistration"):
        made.auto_registration = "ENABLE"
    if made.certificate_id in backend.ca_certificates:
        raise ResourceAlreadyExistsException("The CA certificate is already registered.", made.certificate_id, made.arn)
    backend.ca_certificates[made.certificate_id] = made
    return ActionResult({"certificateId": made.certificate_id, "certificateArn": made.arn})


def authority(self):
    return self.iot_backend.describe_ca_certificate(self.path.split("/")[-1])


def describe_ca_certificate(self):
    ca = authority(self)
    description = ca.to_description_dict()
    description.pop("transferData")
    description |= {
        "autoRegistrationStatus": ca.auto_registration,
        "certificateMode": ca.mode,
        "customerVersion": 1,
        "generationId": ca.generation,
    }
    answer = {"certificateDescription": description}
    if ca.registration_config:
        answer["registrationConfig"] = ca.registration_config
    return ActionResult(answer)


def update_ca_certificate(self):
    ca = authority(self)
    status, auto = self._get_param("newStatus"), self._get_param("newAutoRegistrationStatus")
    if status not in (None, "ACTIVE", "INACTIVE") or auto not in (None, "ENABLE", "DISABLE"):
        raise InvalidRequestException("The new status is not valid.")
    if self._get_param("registrationConfig") is not None:
        ca.registration_config = valid_registration(self.iot_backend, self._get_param("registrationConfig"))
    if self._get_param("removeAutoRegistration"):
        ca.registration_config, ca.auto_registration = None, "DISABLE"
    ca.status = status or ca.status
    ca.auto_registration = auto or ca.auto_registration
    ca.last_modified_date = utcnow()
    return EmptyResult()


def delete_ca_certificate(self):
    ca = authority(self)
    # [AWS 1.4 DeleteCertificate]; the model has CertificateStateException for a CA too.
    if ca.status == "ACTIVE":
        raise CertificateStateException("CA certificate must be deactivated (not ACTIVE) before deletion.", ca.certificate_id)
    del self.iot_backend.ca_certificates[ca.certificate_id]
    iot.forget_tags(self.iot_backend)
    return EmptyResult()


def list_ca_certificates(self):
    wanted = self._get_param("templateName")
    return ActionResult(
        {
            "certificates": [
                {"certificateArn": ca.arn, "certificateId": ca.certificate_id, "status": ca.status, "creationDate": ca.creation_date}
                for ca in self.iot_backend.ca_certificates.values()
                if not wanted or (ca.registration_config or {}).get("templateName") == wanted
            ]
        }
    )


OPERATIONS = (
    create_provisioning_template,
    describe_provisioning_template,
    update_provisioning_template,
    delete_provisioning_template,
    list_provisioning_templates,
    create_provisioning_template_version,
    list_provisioning_template_versions,
    delete_provisioning_template_version,
    register_ca_certificate,
    describe_ca_certificate,
    update_ca_certificate,
    delete_ca_certificate,
    list_ca_certificates,
)


def apply():
    amend.after(FakeCaCertificate, "__init__", keeps_registration)
    for operation in OPERATIONS:
        setattr(IoTResponse, operation.__name__, operation)
    for operation, key in (("create_provisioning_template", "templateArn"), ("register_ca_certificate", "certificateArn")):
        amend.after(IoTResponse, operation, iot.tagged_creation(lambda _, answer, key=key: answer.result[key]))
