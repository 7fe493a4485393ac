"""Certificates of an authority made for the test, with the end and the names that a test wants."""

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

KEYS = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def signed(name: str, days: float, *, authority: bool = False) -> x509.Certificate:
    """Return a certificate that ends in `days`; the authority signs itself."""
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
        .public_key(KEYS[0 if authority else 1].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=100))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(KEYS[0], hashes.SHA256())
    )


def written(folder: Path, name: str, days: float) -> tuple[str, ssl.SSLContext]:
    """Return the authority's file, and how a server shows a certificate of its for `name`."""
    ca, own = folder / "ca.pem", folder / "server.pem"
    ca.write_bytes(signed("authority", 400, authority=True).public_bytes(serialization.Encoding.PEM))
    key = KEYS[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    own.write_bytes(signed(name, days).public_bytes(serialization.Encoding.PEM) + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own)
    return str(ca), context
