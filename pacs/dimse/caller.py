"""Who is at the other end of an association, decided once from door facts."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from pacs.auth.scope import may_serve
from pacs.model import DEFAULT_RULES, PeerInfo, PeerRules, Principal


@dataclass(slots=True)
class Counts:
    """What happened on one association, for its log line."""

    messages: int = 0
    stored: int = 0
    refused: int = 0
    rows: int = 0
    sent: int = 0
    send_failures: int = 0


@dataclass(frozen=True, slots=True)
class Caller:
    """The peer of an association. `association` is the id under which logs name it, and the envelope's id."""

    association: str
    aet: str
    called_aet: str
    address: str
    principal: Principal
    peer: PeerInfo | None
    rules: PeerRules = DEFAULT_RULES
    opened_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    counts: Counts = field(default_factory=Counts)

    def may(self, service: str) -> bool:
        """Whether a service of `model.DIMSE_SERVICES` is allowed."""
        return may_serve(self.principal, service)
