"""HTTP services of others that objects go to or come from, with their passwords: ``vault/remotes/<name>.sealed``."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from secrets import token_bytes, token_hex
from urllib.parse import urlsplit

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pacs.errors import BadRequest, NotFound
from pacs.vault.keyfile import KeyFile

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LABEL = "remotes"


@dataclass(frozen=True, slots=True)
class Remote:
    """One service. `collection`: what is polled there goes into it; "" sends there instead.

    Without `url` it is a queue here, which `user` empties, or whoever calls from `address`. `stopped`: it refused our
    credentials, and is left alone until somebody has looked.
    """

    name: str
    url: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    digest: bool = False
    collection: str = ""
    stopped: bool = False
    address: str = ""

    @property
    def kind(self) -> str:
        """``send``, ``poll`` or ``queue``."""
        return "queue" if not self.url else "poll" if self.collection else "send"


class Remotes:
    """The services of one installation, each sealed as a whole."""

    def __init__(self, folder: Path, keys: KeyFile) -> None:
        self._folder = folder
        self._keys = keys

    def add(self, remote: Remote) -> None:
        """Keep a service, or replace the one of its name. Raises `BadRequest`."""
        if not _NAME.fullmatch(remote.name):
            raise BadRequest("a name has 1 to 64 letters, digits, dots, dashes and underscores")
        _check(remote)
        self._write(remote)

    def get(self, name: str) -> Remote:
        """A service by name. Raises `NotFound`."""
        try:
            sealed = self._path(name).read_bytes()
        except OSError:
            raise NotFound("there is no such service") from None
        key = self._keys.sealing_key(int.from_bytes(sealed[:4], "big"), _LABEL)
        try:
            content = orjson.loads(AESGCM(key).decrypt(sealed[4:16], sealed[16:], name.encode()))
        except (InvalidTag, ValueError):
            raise NotFound("the service's file cannot be opened with our key") from None
        known = {each.name for each in fields(Remote)}
        return Remote(**{name: value for name, value in content.items() if name in known})

    def has(self, name: str) -> bool:
        """Whether there is a service of that name."""
        return bool(_NAME.fullmatch(name)) and self._path(name).exists()

    def all(self) -> Iterator[Remote]:
        """Every service, by name."""
        for path in sorted(self._folder.glob("*.sealed")):
            with suppress(NotFound):  # removed meanwhile
                yield self.get(path.stem)

    def remove(self, name: str) -> None:
        """Forget a service. Raises `NotFound`."""
        if not self.has(name):
            raise NotFound("there is no such service")
        self._path(name).unlink(missing_ok=True)

    def set_stopped(self, name: str, *, stopped: bool) -> None:
        """Leave a service alone, or go on with it. Raises `NotFound`."""
        self._write(replace(self.get(name), stopped=stopped))

    def _write(self, remote: Remote) -> None:
        number, nonce = self._keys.newest, token_bytes(12)
        key = self._keys.sealing_key(number, _LABEL)
        sealed = AESGCM(key).encrypt(nonce, orjson.dumps(asdict(remote)), remote.name.encode())
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._folder / f".{token_hex(8)}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as sink:
            sink.write(number.to_bytes(4, "big") + nonce + sealed)
            sink.flush()
            os.fsync(sink.fileno())
        temporary.rename(self._path(remote.name))

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise NotFound("there is no such service")
        return self._folder / f"{name}.sealed"


def _check(remote: Remote) -> None:
    """Raise `BadRequest` for an address that cannot be one, or that holds a secret."""
    if not remote.url:
        return
    try:
        parts = urlsplit(remote.url)
        port = parts.port
    except ValueError:
        raise BadRequest("the address is malformed") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise BadRequest("the address begins with http:// or https:// and names a host")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise BadRequest("user and password do not belong into the address, nor do queries; see --user")
    if not remote.url.isascii() or any(each <= " " for each in remote.url):
        raise BadRequest("the address is malformed")
    if any(each in remote.user + remote.password for each in "\r\n") or ":" in remote.user:
        raise BadRequest("the user name has no colon, and neither it nor the password a line's end")
