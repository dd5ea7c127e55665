"""Certificates for tests: an authority, and a server of this machine that it vouches for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from evenflow.stack.ports import LOOPBACK

_PEM = serialization.Encoding.PEM


class Authority:
    """``certificate`` is its file; ``server`` makes the files of a server's certificate and key."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        own = _begun(self._name, self._name, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.certificate = folder / f"{name}.pem"
        self.certificate.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(_PEM))

    def server(self, address: str = LOOPBACK) -> tuple[Path, Path]:
        """Certificate and key for an address."""
        key = ec.generate_private_key(ec.SECP256R1())
        asked = _begun(_named("server"), self._name, key.public_key()).add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
        )
        certificate, secret = self._folder / f"server-{address}.pem", self._folder / f"server-{address}.key"
        certificate.write_bytes(asked.sign(self._key, hashes.SHA256()).public_bytes(_PEM))
        secret.write_bytes(key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return certificate, secret


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
