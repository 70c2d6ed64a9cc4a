"""Telling a sender on a new association whether its objects are safe, as a job. PS3.4 J.3.3."""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE
from pacs.dimse.commitment import PUSH_MODEL, Asked, report_of, request_key, send_report
from pacs.dimse.options import ScpOptions
from pacs.dimse.requestor import UnreachableError, open_link, proposed
from pacs.dimse.status import SUCCESS
from pacs.dimse.tuning import check_pynetdicom, silence_libraries
from pacs.dimse.upper_layer import PeerGoneError
from pacs.jobs import Claimed, GiveUp, TryAgain
from pacs.model import PeerInfo

if TYPE_CHECKING:
    from pacs.archive import Archive

MOST_ATTEMPTS = 60  # about two days
UNDRAINED_S = 5.0


@dataclass(slots=True)
class CommitService:
    """Does jobs of the name `COMMIT`."""

    archive: "Archive"
    options: ScpOptions

    def __call__(self, job: Claimed, _halt: threading.Event) -> str:
        """Answer one request. Raises `TryAgain`, `GiveUp`."""
        requests = self.archive.parts.requests
        try:
            asked = Asked.from_json(requests.load(job.id, request_key(self.archive)))
        except KeyError:
            raise GiveUp("the request is not there any more") from None
        peer = self.archive.registry.snapshot().peers.get(str(job.arguments["aet"]))
        if peer is None:
            requests.forget(job.id)
            raise GiveUp("the sender left, and is not entered as a peer that could be called")
        found = report_of(self.archive, asked)
        if found is None:
            raise TryAgain("waits for objects that were accepted before it", UNDRAINED_S)
        check_pynetdicom()
        silence_libraries()
        try:
            status = self.tell(peer, job.id, *found)
        except (UnreachableError, PeerGoneError) as error:
            if job.attempts >= MOST_ATTEMPTS:
                requests.forget(job.id)
                raise GiveUp(f"given up after {job.attempts} attempts: {error}") from None
            raise TryAgain(str(error)) from None
        requests.forget(job.id)
        if status != SUCCESS:
            raise GiveUp(f"the sender answered the report with status {status:04X}H")
        return "told on a new association"

    def tell(self, peer: PeerInfo, job_id: int, event: int, report: DataSet) -> int:
        """Call the sender in the role of the SCP. PS3.4 J.3.3.1.2."""
        link = open_link(peer, [proposed(PUSH_MODEL, [EXPLICIT_LE, IMPLICIT_LE])], self.options, as_scp=PUSH_MODEL)
        try:
            context_id = next(iter(link._accepted_cx), None)
            if context_id is None:
                raise UnreachableError("the sender does not take storage commitment reports")
            status = send_report(link, context_id, event, report, job_id % 65535 + 1)
            link.release()
        finally:
            link.close()
        return status
