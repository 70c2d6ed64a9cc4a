"""Keyed mappings of one collection: UIDs, patients, dates, receipts. HMAC-SHA-256; never counters, never random.

The same collection key gives the same identifiers on any machine and in any order of arrival (promise 4).
"""

import hmac
import re
import unicodedata
from base64 import b32encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pacs.deid.ctp.digests import hashed_uid
from pacs.dicom.syntaxes import is_standard_uid

if TYPE_CHECKING:
    from pacs.deid.profiles import Profile

MIN_SHIFT_DAYS, MAX_SHIFT_DAYS = 365, 3650
_SHOWN = 13  # base32 letters of 5 bits: 65 bits
MIN_MASTER_BYTES = 16


def _digest(key: bytes, *parts: str) -> bytes:
    """HMAC over parts; each is preceded by its length, so that no two lists of parts run together."""
    message = b"".join(len(raw).to_bytes(4, "big") + raw for raw in (p.encode("utf-8", "replace") for p in parts))
    return hmac.digest(key, message, "sha256")


def _normal(text: str) -> str:
    """Ids as people mean them: padding off, one Unicode form, so that the character set makes no other patient."""
    return unicodedata.normalize("NFC", text.strip(" \0"))


@dataclass(frozen=True, slots=True)
class CollectionKeys:
    """Subkeys of one collection. Make them with `derive`; `prefix` begins every pseudonym."""

    uid: bytes = field(repr=False)
    patient: bytes = field(repr=False)
    date: bytes = field(repr=False)
    receipt: bytes = field(repr=False)
    prefix: str
    uid_root: str = ""  # of a CTP script: UIDs are hashed below it with CTP's function, without a key
    retains_uids: bool = False  # the profile leaves UIDs as they are

    @classmethod
    def derive(cls, master: bytes, label: str, prefix: str = "") -> "CollectionKeys":
        """Subkeys from a master key and the collection's key label.

        Parameters
        ----------
        master : bytes
            A key of the key file, at least 16 bytes. Raises ValueError when shorter.
        label : str
            Names the key within the collection; collections with the same label share identifiers.
        prefix : str
            Begins pseudonyms, letters and digits, at most 20 are used. Default: made from `label`.
        """
        if len(master) < MIN_MASTER_BYTES:
            raise ValueError("a master key has at least 16 bytes")
        shown = re.sub(r"[^A-Z0-9]+", "-", (prefix or label).upper()).strip("-")[:20].strip("-")
        uid, patient, date, receipt = (_digest(master, label, use) for use in ("uid", "patient", "date", "receipt"))
        return cls(uid, patient, date, receipt, shown or "P")

    def under(self, profile: "Profile") -> "CollectionKeys":
        """The same keys, mapping UIDs as a profile does."""
        retains = "retain_uids" in profile.options
        return replace(self, uid_root=profile.expressions.uid_root, retains_uids=retains)

    def map_uid(self, uid: str) -> str:
        """The new UID: ``2.25.`` and a 128-bit integer (PS3.5 B.2); UIDs that PS3.6 registers stay as they are."""
        if not uid or self.retains_uids or is_standard_uid(uid):
            return uid
        if self.uid_root:
            return hashed_uid(self.uid_root, uid)
        return f"2.25.{int.from_bytes(_digest(self.uid, uid)[:16], 'big')}"

    def pseudonym(self, issuer_or_site: str, patient_id: str, study_uid: str = "") -> str:
        """The new patient id, 65 bits shown: ``INBOX-XXXXXXXXXXXXX``. An empty patient id is keyed by its study."""
        return f"{self.prefix}-{self._shown(self._of_patient(self.patient, issuer_or_site, patient_id, study_uid))}"

    def date_shift_days(self, issuer_or_site: str, patient_id: str, study_uid: str = "") -> int:
        """Days to move this patient's dates: -365 to -3650, never into the future."""
        digest = self._of_patient(self.date, issuer_or_site, patient_id, study_uid)
        span = MAX_SHIFT_DAYS - MIN_SHIFT_DAYS + 1
        return -(MIN_SHIFT_DAYS + int.from_bytes(digest[:8], "big") % span)

    def patient_hmac(self, patient_id: str) -> str:
        """Hex digest under which a mapping table knows an original patient id."""
        return _digest(self.patient, "mapping", _normal(patient_id)).hex()

    def lookup_hmac(self, key_type: str, key: str) -> str:
        """Hex digest under which a lookup table of a CTP script knows a key."""
        return _digest(self.patient, "lookup", key_type.strip(), _normal(key)).hex()

    def counter_hmac(self, kind: str, text: str) -> str:
        """Hex digest under which a counter of a CTP script knows a text."""
        return _digest(self.patient, "integer", kind, text).hex()

    def identifier(self, kind: str, value: str) -> str:
        """A new id for something else that is told apart by ids, such as a specimen; 65 bits."""
        return self._shown(_digest(self.patient, "other", kind, _normal(value)))

    def receipt_hmac(self, sop_uid: str) -> str:
        """Hex digest under which a receipt knows an original SOP Instance UID."""
        return _digest(self.receipt, sop_uid).hex()

    @staticmethod
    def _shown(digest: bytes) -> str:
        return b32encode(digest[:10]).decode()[:_SHOWN]

    @staticmethod
    def _of_patient(key: bytes, issuer_or_site: str, patient_id: str, study_uid: str) -> bytes:
        patient_id = _normal(patient_id)
        if not patient_id:
            return _digest(key, "study", study_uid)
        return _digest(key, "patient", _normal(issuer_or_site), patient_id)
