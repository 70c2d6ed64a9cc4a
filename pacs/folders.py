"""Where everything stands in a data directory."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things stand in a data directory. The first three are the wall: only they hold identified data."""

    data: Path

    @property
    def spool(self) -> Path:
        """Accepted objects that wait for a worker."""
        return self.data / "spool"

    @property
    def quarantine(self) -> Path:
        """Originals that could not be published, or are held, each with its reason."""
        return self.data / "quarantine"

    @property
    def queues(self) -> Path:
        """Which objects wait for whoever empties a queue, by their new UIDs."""
        return self.data / "queues"

    @property
    def sent(self) -> Path:
        """What forwarding rules have sent to services."""
        return self.data / "sent"

    @property
    def analyses(self) -> Path:
        """What sites found out about their data before they submit: counts and patterns."""
        return self.data / "analyses"

    @property
    def vault(self) -> Path:
        """Sealed originals."""
        return self.data / "vault"

    @property
    def profiles(self) -> Path:
        """The site's own profiles, and its imported knowledge base of private tags."""
        return self.data / "profiles"

    @property
    def tls(self) -> Path:
        """The certificate that is made when none is set, and its key."""
        return self.data / "tls"

    @property
    def associations(self) -> Path:
        """Record locks that count associations over processes."""
        return self.data / "associations"

    @property
    def blobs(self) -> Path:
        """De-identified objects."""
        return self.data / "blobs"

    @property
    def key(self) -> Path:
        """The key file, 0600; not part of a backup."""
        return self.data / "key"

    @property
    def admin_token(self) -> Path:
        """The first administrator's token, 0600."""
        return self.data / "admin-token"
