"""Which associations and presentation contexts we accept. PS3.8 7.1, PS3.7 Annex D.3."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from pydicom.uid import UID
from pynetdicom.acse import ACSE
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    SCP_SCU_RoleSelectionNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from pynetdicom.presentation import PresentationContext

from pacs.dicom.syntaxes import (
    EXPLICIT_BE,
    EXPLICIT_LE,
    IMPLICIT_LE,
    STORAGE_CLASSES,
    TRANSFER_SYNTAXES,
    may_be_storage_class,
)
from pacs.model import DEFAULT_RULES, PeerRules

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
VERIFICATION = "1.2.840.10008.1.1"
STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
PATIENT_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
PATIENT_ROOT_GET = "1.2.840.10008.5.1.4.1.2.1.3"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
PATIENT_STUDY_ONLY_FIND = "1.2.840.10008.5.1.4.1.2.3.1"
PATIENT_STUDY_ONLY_MOVE = "1.2.840.10008.5.1.4.1.2.3.2"
PATIENT_STUDY_ONLY_GET = "1.2.840.10008.5.1.4.1.2.3.3"
COMPOSITE_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.4.2"
COMPOSITE_ROOT_GET = "1.2.840.10008.5.1.4.1.2.4.3"
FIND_CLASSES = frozenset((PATIENT_ROOT_FIND, STUDY_ROOT_FIND, PATIENT_STUDY_ONLY_FIND))
MOVE_CLASSES = frozenset((PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE, PATIENT_STUDY_ONLY_MOVE, COMPOSITE_ROOT_MOVE))
GET_CLASSES = frozenset((PATIENT_ROOT_GET, STUDY_ROOT_GET, PATIENT_STUDY_ONLY_GET, COMPOSITE_ROOT_GET))
QUERY_CLASSES = FIND_CLASSES | MOVE_CLASSES | GET_CLASSES
QUERY_SYNTAXES = frozenset((EXPLICIT_LE, IMPLICIT_LE, EXPLICIT_BE))
STORAGE_SYNTAXES = frozenset(TRANSFER_SYNTAXES)
MADE_SYNTAXES = (EXPLICIT_LE, IMPLICIT_LE)


@dataclass(frozen=True, slots=True)
class Matching:
    """What was negotiated for the queries of a SOP class, in the order of its bytes. PS3.4 Table C.5-1."""

    relational: bool = False
    combined: bool = False
    """A date and its time are one moment."""
    fuzzy: bool = False


PLAIN = Matching()
ACCEPTED, USER_REJECTION, NO_ABSTRACT_SYNTAX, NO_TRANSFER_SYNTAX = 0, 1, 3, 4


@dataclass(frozen=True, slots=True)
class Rejection:
    """A-ASSOCIATE-RJ: result, source, reason. PS3.8 9.3.4."""

    result: int
    source: int
    reason: int


NO_REASON_GIVEN = Rejection(1, 1, 1)
APPLICATION_CONTEXT_UNKNOWN = Rejection(1, 1, 2)
CALLING_AET_UNKNOWN = Rejection(1, 1, 3)
CALLED_AET_UNKNOWN = Rejection(1, 1, 7)
TEMPORARY_CONGESTION = Rejection(2, 3, 1)
LOCAL_LIMIT_EXCEEDED = Rejection(2, 3, 2)


@dataclass(frozen=True, slots=True)
class Roles:
    """Role selection of one SOP class: whether the requestor is SCU, SCP. PS3.7 D.3.3.4."""

    scu: bool = True
    scp: bool = False


class Acceptor(ACSE):
    """The association control of an SCP. `judge` decides on a request before its contexts are looked at."""

    judge: Callable[[A_ASSOCIATE], Rejection | None]
    accepts_private_classes: bool = True
    rules: PeerRules = DEFAULT_RULES
    accepted_identity: bool = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.matching: dict[str, Matching] = {}

    def _negotiate_as_acceptor(self) -> None:
        """Answer the association request that `assoc.requestor` holds."""
        request = cast(A_ASSOCIATE, self.requestor.primitive)
        self.requestor.ae_title = request.calling_ae_title or ""
        rejection = self.judge(request)
        if rejection is None and request.application_context_name != APPLICATION_CONTEXT:
            rejection = APPLICATION_CONTEXT_UNKNOWN
        if rejection is not None:
            self.send_reject(rejection.result, rejection.source, rejection.reason)
            self.assoc.is_rejected = True
            self.assoc.kill()
            return
        self.answer_contexts(request)
        self.answer_extended_negotiation()
        self.answer_identity()
        self.send_accept()
        self.assoc.is_established = True

    def answer_contexts(self, request: A_ASSOCIATE) -> None:
        """Judge each presentation context, and answer role selection for the storage classes among the accepted."""
        asked = {
            str(uid): Roles(bool(item.scu_role), bool(item.scp_role))
            for uid, item in self.requestor.role_selection.items()
        }
        contexts = request.presentation_context_definition_list
        rules = self.rules
        if not any(str(each.abstract_syntax) in GET_CLASSES for each in contexts):
            rules = replace(rules, implied_roles=False)
        judged = [
            judge_context(context, asked, rules, accepts_private_classes=self.accepts_private_classes)
            for context in contexts
        ]
        self.assoc._accepted_cx = {cast(int, c.context_id): c for c in judged if c.result == ACCEPTED}
        self.assoc._rejected_cx = [c for c in judged if c.result != ACCEPTED]
        for uid in {str(c.abstract_syntax) for c in self.assoc._accepted_cx.values()} & asked.keys():
            item = SCP_SCU_RoleSelectionNegotiation()
            item.sop_class_uid = UID(uid)
            item.scu_role, item.scp_role = asked[uid].scu, asked[uid].scp and is_storage(uid)
            self.acceptor.add_negotiation_item(item)

    def answer_extended_negotiation(self) -> None:
        """Grant what we offer of what was asked for. PS3.4 C.5.1.1."""
        for uid, info in self.requestor.sop_class_extended.items():
            is_hierarchical = str(uid) in QUERY_CLASSES - {COMPOSITE_ROOT_MOVE, COMPOSITE_ROOT_GET}
            offered = 3 if str(uid) in FIND_CLASSES else int(is_hierarchical)
            granted = bytes(int(flag == 1 and place < offered) for place, flag in enumerate(info))
            if any(granted):
                item = SOPClassExtendedNegotiation()
                item.sop_class_uid = uid
                item.service_class_application_information = granted
                self.acceptor.add_negotiation_item(item)
                self.matching[str(uid)] = Matching(*(bool(flag) for flag in granted[:3]))

    def answer_identity(self) -> None:
        """Say that a user identity was accepted, where that was asked. PS3.7 D.3.3.7.2."""
        asked = self.requestor.user_identity
        if asked is not None and asked.positive_response_requested and self.accepted_identity:
            item = UserIdentityNegotiation()
            item.server_response = b""
            self.acceptor.add_negotiation_item(item)


def judge_context(
    proposed: PresentationContext, roles: Mapping[str, Roles], rules: PeerRules, *, accepts_private_classes: bool
) -> PresentationContext:
    """The answer to one context. PS3.8 9.3.3.2.

    Its transfer syntax: the first that we like to have from this peer, else the first of its list that we know. Where
    objects are to be sent back (C-GET), those that we can make of any object come before others.
    """
    uid = str(proposed.abstract_syntax)
    syntaxes = syntaxes_for(uid, accepts_private_classes=accepts_private_classes)
    known = [each for each in proposed.transfer_syntax if str(each) in syntaxes]
    role = roles.get(uid, Roles())
    sends_back = is_storage(uid) and (role.scp or (rules.implied_roles and uid not in roles))
    made = [str(each) for each in known if each in MADE_SYNTAXES] if sends_back else []
    prefer = (*rules.prefer, *made)
    chosen = next((UID(each) for each in prefer if each in known), known[0] if known else None)
    answer = PresentationContext()
    answer.context_id = proposed.context_id
    answer.abstract_syntax = proposed.abstract_syntax
    answer.transfer_syntax = [chosen or (proposed.transfer_syntax or [UID(IMPLICIT_LE)])[0]]
    answer._as_scp = role.scu  # we serve where the requestor uses
    answer._as_scu = sends_back
    if not syntaxes:
        answer.result = NO_ABSTRACT_SYNTAX
    elif chosen is None:
        answer.result = NO_TRANSFER_SYNTAX
    else:
        answer.result = ACCEPTED if answer._as_scp or answer._as_scu else USER_REJECTION
    return answer


def syntaxes_for(sop_class_uid: str, *, accepts_private_classes: bool) -> frozenset[str]:
    """The transfer syntaxes that we take for an abstract syntax; none when we do not offer it."""
    if not is_storage(sop_class_uid):
        return QUERY_SYNTAXES
    if sop_class_uid in STORAGE_CLASSES or (accepts_private_classes and may_be_storage_class(sop_class_uid)):
        return STORAGE_SYNTAXES
    return frozenset()


def is_storage(sop_class_uid: str) -> bool:
    """Whether it is none of the services that are not storage."""
    return sop_class_uid not in (VERIFICATION, STORAGE_COMMITMENT) and sop_class_uid not in QUERY_CLASSES
