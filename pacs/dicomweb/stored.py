"""Objects of one store request: each into the wall, to the archive, and what became of it."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pacs.deid import CollectionKeys
from pacs.dicomweb.door import door
from pacs.dicomweb.problems import STUDY_MISMATCH, failure_reason
from pacs.dicomweb.sent import sent_uids
from pacs.errors import BadRequest, ClassMismatch, NotDicom, OutOfResources, PacsError
from pacs.model import Accepted, Envelope

log = logging.getLogger("pacs.object")


@dataclass(slots=True)
class Outcome:
    """What became of one part, or of one instance of the metadata. UIDs are as the sender sent them."""

    sop_class_uid: str = ""
    sop_uid: str = ""
    accepted: Accepted | None = None
    reason: int = 0
    error: PacsError | None = None


@dataclass(slots=True)
class Store:
    """One request: where its objects go, and what became of them.

    `keys` map original UIDs to new ones; None when objects go to several collections. `told`: the sender may know them.
    """

    envelope: Envelope
    study_uid: str | None
    keys: CollectionKeys | None
    told: bool
    outcomes: list[Outcome] = field(default_factory=list)

    def refuse(self, error: PacsError, sop_class_uid: str = "", sop_uid: str = "") -> None:
        """Account for something that is not taken."""
        outcome = Outcome(sop_class_uid, sop_uid, reason=failure_reason(error), error=_bare(error))
        self.outcomes.append(outcome)
        self._log(outcome)

    def take(self, write: Callable[[Path], None], sop_class_uid: str = "", sop_uid: str = "") -> None:
        """Have one object written into the wall and hand it to the archive; the UIDs are what is known before.

        Raises `BadRequest` when the body itself is broken, so that no part can follow.
        """
        archive = door().archive
        temporary = archive.parts.spool.temporary()
        outcome = Outcome(sop_class_uid, sop_uid)
        try:
            try:
                _written(temporary, write)
            finally:  # also of what broke off, or did not fit on the disk: as far as it came
                study_uid = _name(outcome, temporary)
            self._check_study(study_uid)
            outcome.accepted = archive.receive(temporary, self.envelope)
            outcome.sop_class_uid, outcome.sop_uid = outcome.accepted.sop_class_uid, outcome.accepted.sop_uid
        except _WrongStudy as error:
            outcome.error, outcome.reason = _bare(error), STUDY_MISMATCH
        except PacsError as error:
            outcome.error, outcome.reason = _bare(error), failure_reason(error)
        finally:
            temporary.unlink(missing_ok=True)
        self.outcomes.append(outcome)
        self._log(outcome)
        if isinstance(outcome.error, BadRequest):
            raise outcome.error

    def _check_study(self, study_uid: str) -> None:
        """``POST /studies/S`` takes objects of S only, named by its original or its new UID."""
        if self.study_uid is None or not study_uid:
            return
        mapped = self.keys.map_uid(study_uid) if self.keys else ""
        if self.study_uid not in (study_uid, mapped):
            raise _WrongStudy("the object belongs to another study")

    def _log(self, outcome: Outcome) -> None:
        facts: dict[str, object] = {
            "door": "stow",
            "envelope": self.envelope.id,
            "principal": self.envelope.principal,
        }
        if outcome.accepted is not None:
            log.info("object accepted", extra=facts | {"intake": outcome.accepted.intake_ids})
        else:
            log.warning("object refused", extra=facts | {"code": outcome.reason, "reason": str(outcome.error)})


def _name(outcome: Outcome, file: Path) -> str:
    """Give an outcome the UIDs that the file says; returns its study's. Empty is what cannot be read."""
    try:
        sop_class, sop, study = sent_uids(file)
    except OSError:  # not even begun
        return ""
    outcome.sop_class_uid, outcome.sop_uid = sop_class or outcome.sop_class_uid, sop or outcome.sop_uid
    return study


def _bare(error: PacsError) -> PacsError:
    """An error that can be kept: its frames would hold mapped files, and their disk space, until they are collected."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


class _WrongStudy(ClassMismatch):
    """The object belongs to another study than the address names."""


def pieces_into(data: Iterable[bytes]) -> Callable[[Path], None]:
    """Writes pieces as they come. Raises `NotDicom` for nothing, or for more than this server takes."""

    def write(target: Path) -> None:
        total, limit = 0, door().max_body_bytes
        with target.open("xb", buffering=0) as file:
            for piece in data:
                total += len(piece)
                if total > limit:
                    raise NotDicom("the object is larger than this server takes")
                file.write(piece)
        if not total:
            raise NotDicom("an empty part")

    return write


def _written(target: Path, write: Callable[[Path], None]) -> None:
    try:
        write(target)
    except OSError as error:
        raise OutOfResources("the archive's disk refused the object; send again later") from error
