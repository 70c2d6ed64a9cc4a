"""Who the patient becomes: id, name and date shift, by the collection's mapping table or by key."""

from pacs.deid.ctp.days import day_of
from pacs.deid.ctp.safe import ScriptedObject
from pacs.deid.keys import CollectionKeys
from pacs.deid.mapping import mapped_shift_days
from pacs.deid.result import Context
from pacs.dicom.elements import DataSet
from pacs.dicom.values import Charset, charset_of, first_text
from pacs.errors import Unmapped

PATIENT_NAME, PATIENT_ID, ISSUER, STUDY = 0x00100010, 0x00100020, 0x00100021, 0x0020000D

_DATES = (0x00080020, 0x00080021, 0x00080022, 0x00080023)  # of study, series, acquisition, content


class PatientIdentity:
    """The new identity of one object's patient. Raises `Unmapped` when there is a table and no row for the patient."""

    def __init__(self, data_set: DataSet, keys: CollectionKeys, context: Context) -> None:
        self._keys = keys
        self._context = context
        self._study_uid = first_text(data_set, STUDY)
        issuer, patient_id = self._named(data_set, charset_of(data_set))
        self._own_id = patient_id
        self.row = None if context.patients is None else context.patients(issuer, patient_id)
        if context.patients is not None and self.row is None:
            raise Unmapped(keys.patient_hmac(patient_id))
        if self.row is None:
            self.patient_id = self.patient_name = keys.pseudonym(issuer, patient_id, self._study_uid)
            self.shift_days = keys.date_shift_days(issuer, patient_id, self._study_uid)
        else:
            self.patient_id = self.row.patient_id
            self.patient_name = self.row.patient_name or self.row.patient_id
            self.shift_days = mapped_shift_days(keys, self.row.patient_id, self.row.shift_days)

    def follow(self, script: ScriptedObject) -> None:
        """Take id, name and date shift from a profile's CTP script, as far as it has rules that give them."""
        self.patient_id = script.value_of(PATIENT_ID, "LO") or self.patient_id
        self.patient_name = script.value_of(PATIENT_NAME, "PN") or self.patient_id
        source = script.scope.root
        for tag in _DATES:
            before, after = day_of(first_text(source, tag)), day_of(script.value_of(tag, "DA") if tag in source else "")
            if before is not None and after is not None:
                self.shift_days = (after - before).days
                return

    def pseudonym_of(self, item: DataSet, charset: Charset, tag: int) -> str:
        """The new id or name of the patient whom an item names; without an issuer the same id is the same patient."""
        issuer, patient_id = self._named(item, charset)
        if patient_id == self._own_id and not first_text(item, ISSUER, charset):
            return self.patient_name if tag == PATIENT_NAME else self.patient_id
        row = self._context.patients(issuer, patient_id) if self._context.patients else None
        if row is None:
            return self._keys.pseudonym(issuer, patient_id, self._study_uid)
        return (tag == PATIENT_NAME and row.patient_name) or row.patient_id

    def _named(self, data_set: DataSet, charset: Charset) -> tuple[str, str]:
        """Issuer (else the sender's site) and patient id."""
        issuer = first_text(data_set, ISSUER, charset) or self._context.site
        return issuer, first_text(data_set, PATIENT_ID, charset)
