"""Sending stored objects to a peer, as a job: C-STORE as user. PS3.4 Annex B."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pacs.curation.sending import Run
from pacs.curation.sent import name_of_peer
from pacs.dimse.options import ScpOptions
from pacs.dimse.requestor import NoContextError, UnreachableError, open_link
from pacs.dimse.status import OUT_OF_RESOURCES, SUCCESS
from pacs.dimse.suboperations import WARNINGS, Sender, batches, contexts_for
from pacs.dimse.tuning import check_pynetdicom, silence_libraries
from pacs.dimse.upper_layer import PeerGoneError
from pacs.jobs import Claimed, GiveUp, Jobs
from pacs.jobs.sending import Sending
from pacs.model import PeerInfo, Principal, PrincipalKind, StoredInstance

if TYPE_CHECKING:
    from pacs.archive import Archive


@dataclass(slots=True)
class SendService:
    """Does jobs of the name `SEND`."""

    archive: "Archive"
    options: ScpOptions
    jobs: Jobs
    sent: Path

    def __call__(self, job: Claimed, halt: threading.Event) -> str:
        """Send what the job names. Raises `TryAgain`, `GiveUp`."""
        check_pynetdicom()
        silence_libraries()
        aet = Sending.of(job.arguments).aet
        peer = self.archive.registry.snapshot().peers.get(aet)
        if peer is None:
            raise GiveUp(f"there is no peer {aet!r}")
        return _Run(self, job, peer, halt).attempt(UnreachableError, PeerGoneError)


class _Run(Run):
    """One attempt, over associations."""

    def __init__(self, service: SendService, job: Claimed, peer: PeerInfo, halt: threading.Event) -> None:
        # What the peer itself could find and retrieve: its collections, and what is released.
        principal = Principal(PrincipalKind.PEER, peer.aet, services=peer.allow, collections=peer.collection_ids)
        super().__init__(service.archive, service.jobs, job, principal, halt)
        self.options = service.options
        self.send_only_new(service.sent, name_of_peer(peer.aet))
        self.peer = peer

    def send_series(self, instances: Sequence[StoredInstance]) -> None:
        """Send the rest of a series, over as few associations as its contexts allow."""
        for batch in batches(instances):
            try:
                link = open_link(self.peer, contexts_for(batch), self.options)
            except NoContextError:  # it will not take them later either; what is of other classes goes on
                for instance in batch:
                    self.refused(instance)
                continue
            try:
                sender = Sender(link, {}, self.tick, self.peer.rules.patience_s)
                for instance in batch:
                    self.tick()
                    self.count(instance, sender.send(instance))
                link.release()
            finally:
                link.close()

    def count(self, instance: StoredInstance, status: int | None) -> None:
        """Note what became of one. Raises `PeerGoneError` when the receiver is full: later it may not be."""
        if status is not None and status >> 8 == OUT_OF_RESOURCES >> 8:
            raise PeerGoneError("the receiver is out of resources")
        if status == SUCCESS or (status is not None and (status >> 12 == 0xB or status in WARNINGS)):
            self.taken(instance)
        else:
            self.refused(instance)
