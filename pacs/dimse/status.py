"""Which DIMSE status each of our errors becomes. PS3.7 Annex C, PS3.4 B.2.3, C.4."""

from collections.abc import Mapping
from dataclasses import dataclass

from pacs import errors
from pacs.dimse.messages import ERROR_COMMENT, OFFENDING_ELEMENT, Value

SUCCESS = 0x0000
PENDING = 0xFF00
PENDING_WITHOUT_OPTIONAL_KEYS = 0xFF01
CANCEL = 0xFE00
PROCESSING_FAILURE = 0x0110
NO_SUCH_INSTANCE = 0x0112
INVALID_ARGUMENT = 0x0115
NO_SUCH_CLASS = 0x0118
MISSING_ATTRIBUTE = 0x0120
SOP_CLASS_NOT_SUPPORTED = 0x0122
NO_SUCH_ACTION = 0x0123
NOT_AUTHORISED = 0x0124
UNRECOGNISED_OPERATION = 0x0211
OUT_OF_RESOURCES = 0xA700
UNABLE_TO_PERFORM_SUBOPERATIONS = 0xA702
DESTINATION_UNKNOWN = 0xA801
DOES_NOT_MATCH_SOP_CLASS = 0xA900
SUBOPERATIONS_WITH_FAILURES = 0xB000
CANNOT_UNDERSTAND = 0xC000

STATUS_OF: Mapping[type[errors.PacsError], int] = {
    errors.PacsError: PROCESSING_FAILURE,
    errors.BadRequest: DOES_NOT_MATCH_SOP_CLASS,
    errors.BadQuery: DOES_NOT_MATCH_SOP_CLASS,
    errors.SearchTooLong: OUT_OF_RESOURCES,
    errors.NotFound: PROCESSING_FAILURE,
    errors.NotAllowed: NOT_AUTHORISED,
    errors.NotAcceptable: PROCESSING_FAILURE,
    errors.Refused: CANNOT_UNDERSTAND,
    errors.NotDicom: CANNOT_UNDERSTAND,
    errors.Truncated: CANNOT_UNDERSTAND,
    errors.MissingUid: CANNOT_UNDERSTAND,
    errors.ClassMismatch: DOES_NOT_MATCH_SOP_CLASS,
    errors.Unsupported: SOP_CLASS_NOT_SUPPORTED,
    errors.OutOfResources: OUT_OF_RESOURCES,
    errors.RuleError: PROCESSING_FAILURE,
    errors.Unmapped: PROCESSING_FAILURE,
    errors.ProfileError: PROCESSING_FAILURE,
    errors.ConfigError: PROCESSING_FAILURE,
    errors.Conflict: PROCESSING_FAILURE,
}


@dataclass(frozen=True, slots=True)
class Status:
    """A status with what explains it: a comment without patient data, and the element at fault."""

    code: int
    comment: str = ""
    tag: int | None = None

    def values(self) -> dict[int, Value]:
        """The elements of a response besides the status itself. Error Comment is LO: 64 characters. PS3.7 C."""
        extra: dict[int, Value] = {}
        if self.comment:
            extra[ERROR_COMMENT] = self.comment.replace("\\", "/")[:64]
        if self.tag is not None:
            extra[OFFENDING_ELEMENT] = self.tag
        return extra


def status_of(error: Exception) -> Status:
    """The status for an error; one that is not ours says nothing but that processing failed."""
    if isinstance(error, OSError):
        return Status(OUT_OF_RESOURCES, "the object could not be written")
    for kind in type(error).__mro__:
        if kind in STATUS_OF:
            return Status(STATUS_OF[kind], str(error), getattr(error, "tag", None))
    return Status(PROCESSING_FAILURE, "internal error")
