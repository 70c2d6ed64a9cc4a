"""One error tree. It knows no protocol: `dimse/status.py` and `dicomweb/problems.py` map each class to a code.

    PacsError
      BadRequest          the caller asked for something malformed
        BadQuery          a query key, value or level that cannot be understood
      NotFound            absent, or invisible to the caller: the two look the same
      NotAllowed          the caller may not do this
      NotAcceptable       exists, but not in a form that the caller takes
      Refused             an object that is not taken in
        NotDicom          bytes that are no DICOM object, or a garbled one
        Truncated         the data set ends inside an element
        MissingUid        one of the four UIDs is absent, empty or malformed
        ClassMismatch     command or request and data set name different objects
        Unsupported       SOP class or transfer syntax that policy does not take
        OutOfResources    disk below the low-water mark, or full
      RuleError           a de-identification rule cannot be applied to a value; the caller removes the value
      ProfileError        a profile that does not load; names the line and key
      ConfigError         a setting that does not load; names the key
      Conflict            something of that name exists already, or is in use

Messages name tags, rules, intake ids and new UIDs, never a value of the original (promise 2).
"""


class PacsError(Exception):
    """Root of all errors that this program raises on purpose."""


class BadRequest(PacsError):
    """The caller asked for something malformed."""


class BadQuery(BadRequest):
    """A query key, value or level that cannot be understood. `tag` is the element at fault, when one is."""

    def __init__(self, message: str, tag: int | None = None) -> None:
        super().__init__(message)
        self.tag = tag


class SearchTooLong(BadQuery):
    """A search that has to read data sets, and does not end in its time."""


class NotFound(PacsError):
    """Absent, or invisible to the caller."""


class NotAllowed(PacsError):
    """The caller may not do this."""


class NotAcceptable(PacsError):
    """The thing exists, but not in a form that the caller takes."""


class Refused(PacsError):
    """An object that is not taken in. `tag` is the element at fault, when one is."""

    def __init__(self, message: str, tag: int | None = None) -> None:
        super().__init__(message)
        self.tag = tag


class NotDicom(Refused):
    """Bytes that are no DICOM object, or a garbled one."""


class Truncated(Refused):
    """The data set ends inside an element."""


class MissingUid(Refused):
    """One of the four UIDs is absent, empty or malformed."""


class ClassMismatch(Refused):
    """The command or request and the data set name different objects."""


class Unsupported(Refused):
    """A SOP class or transfer syntax that policy does not take."""


class OutOfResources(Refused):
    """The disk is full or below its low-water mark."""


class RuleError(PacsError):
    """A rule cannot be applied to a value; the caller removes the value."""


class Unmapped(RuleError):
    """A patient without a row in the collection's mapping table; the argument is the keyed digest of the id."""

    def __init__(self, patient_hmac: str) -> None:
        super().__init__("the collection's mapping table has no row for this patient")
        self.patient_hmac = patient_hmac


class ProfileError(PacsError):
    """A profile that does not load."""


class ConfigError(PacsError):
    """A setting that does not load."""


class Conflict(PacsError):
    """Something of that name exists already, or is in use."""
