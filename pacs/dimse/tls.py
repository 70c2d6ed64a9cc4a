"""DICOM over TLS: PS3.15 B.12, BCP 195 RFC 9325 secure transport connection profiles."""

import datetime
import fcntl
import hashlib
import os
import socket
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pacs.config import DimseSettings
from pacs.errors import ConfigError

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL"
"""Of TLS 1.2: forward secrecy and authenticated encryption only, RFC 9325 4.2; those of TLS 1.3 are all fit."""
_CLIENTS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
_DAYS = 3650


def server_context(settings: DimseSettings, folder: Path) -> ssl.SSLContext:
    """The server's side. Without a certificate in the settings, one is made in `folder` for this archive alone.

    Raises `ConfigError` naming the setting.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, settings, folder)
    context.verify_mode = _CLIENTS[settings.tls_clients]
    if settings.tls_clients != "none" and not settings.tls_ca:
        raise ConfigError("dimse.tls_clients needs dimse.tls_ca: the certificates that clients are checked against")
    return context


def client_context(settings: DimseSettings, folder: Path) -> ssl.SSLContext:
    """Our side when we call a peer: its certificate is checked when `tls_ca` names whose are trusted.

    Names in certificates are not compared: application entities are entered by address, and trust is in the issuer.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, settings, folder)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if settings.tls_ca else ssl.CERT_NONE
    return context


def _context(protocol: int, settings: DimseSettings, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    certificate, key = Path(settings.tls_certificate), Path(settings.tls_key or settings.tls_certificate)
    if not settings.tls_certificate:
        certificate, key = own_certificate(folder, settings.aet)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError):
        raise ConfigError("dimse.tls_certificate and dimse.tls_key name no readable certificate and its key") from None
    if settings.tls_ca:
        try:
            context.load_verify_locations(settings.tls_ca)
        except (OSError, ssl.SSLError):
            raise ConfigError("dimse.tls_ca names no readable certificates") from None
    return context


def own_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Files of a self-signed certificate and its key (0600), made when there are none."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes start at once, and must show the same certificate
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        if not (certificate.exists() and key.exists()):
            _make(certificate, key, name)
    finally:
        os.close(lock)
    return certificate, key


def _make(certificate: Path, key: Path, name: str) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(socket.gethostname())]), critical=False)
        .sign(private, hashes.SHA256())
    )
    unprotected = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    _write(key, private.private_bytes(pem, pkcs8, unprotected))
    _write(certificate, signed.public_bytes(pem))


def _write(file: Path, content: bytes) -> None:
    temporary = file.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as sink:
        sink.write(content)
    temporary.rename(file)


def fingerprint(sock: socket.socket | None) -> str:
    """SHA-256, in hex, of the certificate that a peer showed and that was checked; empty without one."""
    shown = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
    return hashlib.sha256(shown).hexdigest() if shown else ""
