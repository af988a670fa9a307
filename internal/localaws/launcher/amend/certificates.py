"""Certificates signed for a CSR hold the CSR's own key, as on AWS; otherwise no device could do TLS with its key."""

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.core.utils import utcnow
from moto.iot.exceptions import CertificateStateException, DeleteConflictException, InvalidRequestException
from moto.iot.models import IoTBackend

# One signing key for the life of the process; AWS signs with "Amazon Web Services O=Amazon.com Inc." likewise.
SIGNING_KEY = ec.generate_private_key(ec.SECP256R1())
ISSUER = x509.Name(
    [
        x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "mototest"),
        x509.NameAttribute(x509.NameOID.COMMON_NAME, "mototest device CA"),
    ]
)


def sign(csr):
    now = utcnow()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(csr.subject)
        .issuer_name(ISSUER)
        .public_key(csr.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=3650))
        .sign(SIGNING_KEY, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def create_certificate_from_csr(self, csr, set_as_active):
    try:
        request = x509.load_pem_x509_csr(csr.encode())
        valid = request.is_signature_valid
    except ValueError:
        valid = False
    if not valid:
        raise InvalidRequestException("The certificate signing request is not valid.")
    return self.register_certificate(
        sign(request), ca_certificate_pem=None, set_as_active=set_as_active, status="INACTIVE"
    )


def validation_delete(self, certificate, force_delete=False):
    """moto's own takes every principal with a policy for a certificate, and fails on thing groups [AWS 1.4 DeleteCertificate]."""
    if certificate.status == "ACTIVE":
        raise CertificateStateException(
            "Certificate must be deactivated (not ACTIVE) before deletion.", certificate.certificate_id
        )
    if any(principal == certificate.arn for principal, _ in self.principal_things):
        raise DeleteConflictException(f"Things must be detached before deletion (arn: {certificate.arn})")
    if not force_delete and any(principal == certificate.arn for principal, _ in self.principal_policies):
        raise DeleteConflictException(f"Certificate policies must be detached before deletion (arn: {certificate.arn})")


def apply():
    IoTBackend._validation_delete = validation_delete
    IoTBackend.create_certificate_from_csr = create_certificate_from_csr
