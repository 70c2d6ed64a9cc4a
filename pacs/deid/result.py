"""What the de-identifier is told besides the object, and what it answers."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pacs.deid.ctp import Outside
from pacs.deid.profiles import Rule
from pacs.dicom.elements import DataSet
from pacs.model import PatientRow


@dataclass(frozen=True, slots=True)
class Context:
    """What is known besides the object.

    `site` is the sender's, the issuer of its patient ids. `patients` looks up (issuer or site, patient id) in the
    collection's mapping table; None: the collection has no table, and keys decide. `names` and `words` are the
    collection's own lists for cleaning text, `lists_version` tells their versions apart. `outside` is what
    expressions of a CTP script ask for: the lookup table, counters, the time.
    """

    site: str = ""
    site_id: str = ""
    collection: str = ""
    trial: str = ""
    patients: Callable[[str, str], PatientRow | None] | None = None
    names: Collection[str] = ()
    words: Collection[str] = ()
    lists_version: str = ""
    outside: Outside = field(default_factory=Outside, repr=False)


class Change(NamedTuple):
    """One element that was removed or changed. `path` is like ``00081140[0].00081155``; no value is ever in it."""

    path: str
    action: str
    rule: Rule


class Doubt(NamedTuple):
    """A word that was removed only because nothing says that it is harmless. Identified: stays inside the wall."""

    path: str
    word: str


@dataclass(frozen=True, slots=True)
class Result:
    """A de-identified object. All UIDs and ids are new ones, except the keys of `uid_map` (old to new; vault only).

    `options` were applied to this object; `unknown_private` counts removed private elements by creator ("" for creators
    that no list knows: their names may be anybody's).
    """

    data_set: DataSet = field(repr=False)
    report: tuple[Change, ...]
    patient_id: str
    patient_name: str
    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class_uid: str
    date_shift_days: int
    uid_map: Mapping[str, str] = field(repr=False)
    options: frozenset[str] = frozenset()
    unknown_private: Mapping[str, int] = field(default_factory=dict)
    doubts: tuple[Doubt, ...] = field(default=(), repr=False)
