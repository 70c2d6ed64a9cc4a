"""Settings: nested frozen dataclasses, a unit and a reason at each field.

Order: defaults here < `config/pacs.toml` (or ``--config FILE``) < environment ``PACS_SECTION__KEY`` < command line.
An unknown key stops the start and names the nearest known one.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, get_type_hints

from pacs.errors import ConfigError

# AE without padding, PS3.5 6.2: 1 to 16 printable characters, no backslash, no space at either end.
AE_TITLE = re.compile(r"[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The web server."""

    host: str = "127.0.0.1"
    """Address that HTTP and DIMSE listen on. Loopback makes the principal `local` exist."""
    port: int = 8080
    """TCP port; 0 takes a free one."""
    workers: int = 2
    """gunicorn processes."""
    threads: int = 8
    """Requests that each process works on at a time."""
    connections: int = 128
    """Requests under way in each process, with those that wait for their client's network."""
    slow_after_s: float = 30.0
    """A request's head must come within this; and of time that a client is waited for it is the window."""
    least_rate: int = 1024
    """Bytes a second that a client must take or send; a slower one is let go."""
    search_limit_s: float = 60.0
    """A search that has to read data sets ends after so long, with 400; 0: no limit."""
    public_root: str = ""
    """Base of URLs in answers, such as ``https://archive.example``; empty: taken from the request."""
    max_body_bytes: int = 8 * 1024**3
    """Largest request body taken."""
    viewer: str = ""
    """Folder with the OHIF viewer that ``/viewer`` serves; empty: where `scripts/fetch-viewer` puts it."""


@dataclass(frozen=True, slots=True)
class DimseSettings:
    """The association server."""

    port: int = 11112
    """TCP port; 0 takes a free one."""
    tls_port: int = 0
    """TCP port for DICOM over TLS; 0: none."""
    aet: str = "TRIALPACS"
    """Our application entity title, at most 16 characters."""
    processes: int = 2
    """SCP processes that share the port."""
    check_called_aet: bool = True
    """Reject associations that call another title than ours or a collection's."""
    max_associations: int = 128
    """Associations at once, over all processes; a peer may have a lower limit of its own."""
    pdu_bytes: int = 131072
    """Largest PDU that we take."""
    idle_timeout_s: float = 600.0
    """An association that says nothing for so long is aborted."""
    acse_timeout_s: float = 30.0
    """Wait for association messages."""
    transfer_timeout_s: float = 60.0
    """Most silence inside a PDU, or while a peer does not take what we send."""
    private_sop_classes: str = "accept"
    """``accept`` or ``refuse`` SOP classes that the standard does not know."""
    find_limit: int = 0
    """Most rows of one C-FIND before A700H; 0: no limit."""
    unknown_callers: str = "reject"
    """AE titles that are not entered: ``reject``, or let them ``read`` released series of public collections."""
    needs_identity: bool = False
    """Only associations with user name and token. PS3.7 D.3.3.7."""
    tls_certificate: str = ""
    """PEM file with our certificate and those above it; empty: one is made in the data directory."""
    tls_key: str = ""
    """PEM file with its key; empty: it stands in the certificate's file."""
    tls_ca: str = ""
    """PEM file with the certificates that peers' certificates are checked against."""
    tls_clients: str = "none"
    """Client certificates: ``none``, ``optional`` or ``required``."""


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """Where accepted objects wait."""

    low_water_bytes: int = 1024**3
    """New objects are refused while the disk has less free space."""
    max_object_bytes: int = 8 * 1024**3
    """Largest object taken."""
    max_inflated_bytes: int = 2 * 1024**3
    """Largest data set that a deflated object may grow to."""


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """Workers that de-identify and publish."""

    workers: int = 2
    """Worker processes; 0 only spools."""
    batch: int = 32
    """Objects in one commit at most."""
    max_crashes: int = 3
    """Crashes of a worker on one object before it is quarantined."""
    settle_s: float = 5.0
    """A series is settled when nothing arrived for so long."""
    private_sop_classes: str = "publish"
    """``publish`` or ``quarantine`` objects of SOP classes that the standard does not know."""


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where data stands."""

    database: str = ""
    """``sqlite:///FILE`` or ``postgresql://...``; empty: SQLite in the data directory."""
    node: str = "node1"
    """Name of this intake node in receipts."""
    blob_grace_s: float = 3600.0
    """A blob without a row is deleted after so long."""
    trash_days: int = 30
    """What was removed can be restored for so long; then its files are deleted."""


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """Watched folders, from which files are taken in."""

    folders: Mapping[str, str] = field(default_factory=dict)
    """Folder -> collection; ``*``: the collection that each subfolder is named after."""
    settle_s: float = 30.0
    """A file is taken when its size and time have not changed for so long."""
    after: str = "move"
    """What becomes of the original: ``move`` (to ``.done`` in its folder), ``delete`` or ``leave``."""


@dataclass(frozen=True, slots=True)
class CtpSettings:
    """What RSNA CTP's exporters reach."""

    paths: Mapping[str, str] = field(default_factory=dict)
    """URL path -> collection, beside ``/ctp/<collection>``; ``/`` is what an exporter without a path sends to."""


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """Who is told when something needs people. Nothing identified is in what they get."""

    webhook: str = ""
    """Address that gets JSON by POST; empty: none."""
    email: str = ""
    """Who gets mail, joined by commas; empty: nobody."""
    email_from: str = ""
    """Sender of mail."""
    smtp_host: str = ""
    """Server that mail is given to."""
    smtp_port: int = 25
    """Its TCP port."""
    smtp_security: str = "none"
    """``none``, ``starttls`` or ``tls``."""
    smtp_user: str = ""
    """User at the mail server; empty: no login."""
    smtp_password_file: str = ""
    """File with the password."""
    quarantined: bool = True
    """Tell when something was quarantined."""
    backlog: int = 0
    """Tell when more objects than this wait for a worker; 0: never."""
    digest: bool = False
    """Tell every day what became of the day before."""
    digest_hour: int = 6
    """Hour of the day, in UTC, from which on that is told."""
    sites: Mapping[str, str] = field(default_factory=dict)
    """Mail addresses by site, joined by commas: each gets its own digest."""
    every_s: float = 300.0
    """How often is looked."""

    @property
    def are_on(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self.webhook or self.email or (self.digest and self.sites))


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Structured logs, one JSON line an event."""

    level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, and the data directory it applies to."""

    data: Path = Path("data")
    http: HttpSettings = field(default_factory=HttpSettings)
    dimse: DimseSettings = field(default_factory=DimseSettings)
    spool: SpoolSettings = field(default_factory=SpoolSettings)
    pipeline: PipelineSettings = field(default_factory=PipelineSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    intake: IntakeSettings = field(default_factory=IntakeSettings)
    ctp: CtpSettings = field(default_factory=CtpSettings)
    alarms: AlarmSettings = field(default_factory=AlarmSettings)
    log: LogSettings = field(default_factory=LogSettings)

    @property
    def bound_to_loopback(self) -> bool:
        """Whether only callers on this machine can reach the server; then the principal `local` exists."""
        try:
            return self.http.host == "localhost" or ip_address(self.http.host).is_loopback
        except ValueError:  # another name: who knows what it stands for
            return False

    @property
    def database_url(self) -> str:
        """The database that holds everything but pixels."""
        return self.storage.database or f"sqlite:///{self.data / 'pacs.sqlite'}"


SECTIONS = tuple(f.name for f in fields(Settings) if f.name != "data")


def load_settings(
    data: Path,
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    options: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings for a data directory.

    `options` are command line values by ``section.key``; None values are left out. Raises `ConfigError` naming the key.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values |= _from_file(file)
    values |= _from_environment(environment)
    values |= {key: value for key, value in (options or {}).items() if value is not None}
    settings = _apply(Settings(data=data), values)
    _check(settings)
    return settings


_CHOICES = {
    "private_sop_classes": ("accept", "refuse"),
    "unknown_callers": ("reject", "read"),
    "tls_clients": ("none", "optional", "required"),
}


def _check(settings: Settings) -> None:
    """Raise `ConfigError` for values that no server could run with."""
    http, dimse = settings.http, settings.dimse
    _check_ports(http, dimse)
    _check_alarms(settings.alarms)
    if not AE_TITLE.fullmatch(dimse.aet):
        raise ConfigError("setting 'dimse.aet' must have 1 to 16 printable characters, without backslash")
    for name, choices in _CHOICES.items():
        if getattr(dimse, name) not in choices:
            raise ConfigError(f"setting 'dimse.{name}' must be {' or '.join(choices)}")
    _check_paths(settings)
    if settings.pipeline.private_sop_classes not in ("publish", "quarantine"):
        raise ConfigError("setting 'pipeline.private_sop_classes' must be publish or quarantine")
    if settings.log.level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ConfigError("setting 'log.level' must be DEBUG, INFO, WARNING or ERROR")
    least = {"http.workers": http.workers, "http.threads": http.threads, "http.connections": http.connections}
    least |= {"http.slow_after_s": int(http.slow_after_s), "dimse.processes": dimse.processes}
    least |= {"dimse.max_associations": dimse.max_associations}
    least |= {"pipeline.batch": settings.pipeline.batch, "pipeline.max_crashes": settings.pipeline.max_crashes}
    for name, number in least.items():
        if number < 1:
            raise ConfigError(f"setting {name!r} must be at least 1")


def _check_paths(settings: Settings) -> None:
    if settings.intake.after not in ("move", "delete", "leave"):
        raise ConfigError("setting 'intake.after' must be move, delete or leave")
    if not all(folder.startswith("/") for folder in settings.intake.folders):
        raise ConfigError("setting 'intake.folders' names folders from the root, which begin with /")
    for path in settings.ctp.paths:
        if not path.startswith("/"):
            raise ConfigError("setting 'ctp.paths' names paths of addresses, which begin with /")


def _check_alarms(alarms: AlarmSettings) -> None:
    if alarms.webhook and not alarms.webhook.startswith(("http://", "https://")):
        raise ConfigError("setting 'alarms.webhook' must be an address that begins with http:// or https://")
    if (alarms.email or alarms.sites) and not (alarms.email_from and alarms.smtp_host):
        raise ConfigError("mail needs 'alarms.email_from' and 'alarms.smtp_host'")
    if alarms.smtp_security not in ("none", "starttls", "tls"):
        raise ConfigError("setting 'alarms.smtp_security' must be none, starttls or tls")
    if alarms.digest_hour > 23:
        raise ConfigError("setting 'alarms.digest_hour' must be an hour, 0 to 23")


def _check_ports(http: HttpSettings, dimse: DimseSettings) -> None:
    for name, port in (("http.port", http.port), ("dimse.port", dimse.port), ("dimse.tls_port", dimse.tls_port)):
        if port > 65535:
            raise ConfigError(f"setting {name!r} must be a port, 0 to 65535")
    if http.port and http.port == dimse.port:
        raise ConfigError("http.port and dimse.port must differ")
    if dimse.tls_port and dimse.tls_port in (dimse.port, http.port):
        raise ConfigError("dimse.tls_port must differ from dimse.port and http.port")


def _from_file(file: Path) -> dict[str, Any]:
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no configuration file {file}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error
    flat: dict[str, Any] = {}
    for section, body in tree.items():
        if not isinstance(body, dict):
            raise ConfigError(f"{file}: {section} is no section; {_nearest(section, SECTIONS)}")
        flat |= {f"{section}.{key}": value for key, value in body.items()}
    return flat


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """``PACS_HTTP__PORT=80`` is ``http.port``. ``PACS_DATA`` and the like have no double underscore."""
    found = {}
    for name, value in environment.items():
        if name.startswith("PACS_") and "__" in name:
            section, _, key = name.removeprefix("PACS_").lower().partition("__")
            found[f"{section}.{key}"] = value
    return found


def _apply(settings: Settings, values: Mapping[str, Any]) -> Settings:
    for name, value in values.items():
        section_name, _, key = name.partition(".")
        if section_name not in SECTIONS:
            raise ConfigError(f"unknown section {section_name!r}; {_nearest(section_name, SECTIONS)}")
        section = getattr(settings, section_name)
        hints = get_type_hints(type(section))
        if key not in hints:
            raise ConfigError(f"unknown setting {name!r}; {_nearest(key, tuple(hints))}")
        changed = replace(section, **{key: _convert(value, hints[key], name)})
        settings = replace(settings, **{section_name: changed})
    return settings


def _nearest(word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, known, 1, 0.0)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def _convert(value: Any, kind: type, name: str) -> Any:
    """A TOML value or an environment's text as the field's type."""
    try:
        if kind is bool:
            return _truth(value)
        if kind == Mapping[str, str]:
            return _pairs(value)
        if isinstance(value, bool):
            raise TypeError
        if kind is int and isinstance(value, float):
            raise ValueError
        converted = kind(value)
    except (TypeError, ValueError):
        named = "a table of texts" if kind == Mapping[str, str] else f"of type {kind.__name__}"
        raise ConfigError(f"setting {name!r} must be {named}") from None
    if kind in (int, float) and converted < 0:
        raise ConfigError(f"setting {name!r} must not be negative")
    return converted


def _pairs(value: Any) -> dict[str, str]:
    """A TOML table, or ``a=b,c=d`` of the environment."""
    if isinstance(value, str):
        value = dict(each.strip().split("=", 1) for each in value.split(",") if each.strip())
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise TypeError
    return value


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if str(value).lower() not in words:
        raise ValueError
    return words[str(value).lower()]
