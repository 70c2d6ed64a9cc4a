"""A right answer, made from the key alone: proves that the key can be met, and is what mutation tests spoil.

It is no de-identifier: it reads from the key what is expected, and does it.
"""

import hashlib
import re
import warnings
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.deid.corpus.checks import holds
from tests.deid.corpus.key import Key, Row
from tests.deid.corpus.outputs import as_text, day_of, decoded, find
from tests.deid.corpus.planted import code

_WELL_KNOWN = "1.2.840.10008."


def answer(key: Key, source: Path, target: Path) -> None:
    """Write the right output of every object that must come out, under its input's name."""
    target.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in key.rows:
        rows[row.file].append(row)
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        for file in key.people:
            if file not in key.held.files:
                _Answer(key, rows[file], source / file).write(target / file)


def new_uid(uid: str) -> str:
    """Some one-to-one mapping."""
    if not uid or uid.startswith(_WELL_KNOWN):
        return uid
    return f"2.25.{int.from_bytes(hashlib.sha256(uid.encode()).digest()[:15], 'big')}"


class _Answer:
    def __init__(self, key: Key, rows: list[Row], path: Path) -> None:
        self.key, self.rows, self.path = key, rows, path
        self.file = path.name
        self.person = key.people[self.file]
        self.days = timedelta(days=-(400 + 13 * self.person))
        self.ds: FileDataset = pydicom.dcmread(path)
        self.by_path: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            self.by_path[row.path].append(row)

    def write(self, target: Path) -> None:
        """All steps, in an order that lets paths be found until the end."""
        self.pixels()
        for path, rows in self.by_path.items():
            if path and path not in ("meta", "preamble"):
                self.element(path, rows)
        self.map_uids()
        self.report()
        self.drop()
        self.mark()
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = self.ds.SOPClassUID, self.ds.SOPInstanceUID
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds = FileDataset("", Dataset(self.ds), b"\0" * 128, meta, is_implicit_VR=False, is_little_endian=True)
        dcmwrite(target, ds, enforce_file_format=True)

    def element(self, path: str, rows: list[Row]) -> None:
        """One element by its rows."""
        kinds = {row.kind for row in rows}
        element = find(self.ds, path)
        if element is None or kinds & {"uid_changed", "uid_consistent", "private_removed", "patid_consistent"}:
            return
        words = [
            word
            for row in rows
            if row.kind == "text_retained"
            for word, count in row.expected * 1
            for _ in range(count)
        ]
        dates = [row.expected for row in rows if row.kind == "date_shifted"]
        if "text_removed" in kinds or words:
            told = [self.moved(each) for each in dates if each]
            element.value = " ".join([*words, *told]) or ("CLEANED" if "text_notnull" in kinds else None)
            element.VR = "LO" if element.VR == "UN" else element.VR
        elif dates:
            element.value = self.shifted(str(element.value))

    def moved(self, told: dict[str, str]) -> str:
        """A date in a text, shifted, in its format."""
        return (date.fromisoformat(told["day"]) + self.days).strftime(told["format"])

    def shifted(self, value: str) -> str:
        """A DA or DT, shifted."""
        start = day_of(value)
        assert start is not None
        plain = value.replace(".", "", 2) if value[4:5] == "." else value
        digits = re.match(r"\d{1,8}", plain)
        length = len(digits[0]) if digits else 0
        return (start + self.days).strftime("%Y%m%d")[:length] + plain[length:]

    def map_uids(self) -> None:
        """Every UID that is nobody's standard."""
        for element in self.ds.iterall():
            if element.VR == "UI" and element.value:
                old = as_text(element.value)
                element.value = new_uid(old)

    def report(self) -> None:
        """Content items by concept."""
        wanted: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            if row.kind in ("sr_content_kept", "sr_content_removed"):
                wanted[row.expected["concept"]].append(row)
        self.items(self.ds, wanted)

    def items(self, ds: Dataset, wanted: dict[str, list[Row]]) -> None:
        """Clean what the key names, at any depth."""
        kept = []
        for item in ds.get("ContentSequence", []):
            concept = str(item.ConceptNameCodeSequence[0].CodeValue)
            if self.item(item, wanted[concept]):
                kept.append(item)
            self.items(item, wanted)
        if "ContentSequence" in ds:
            ds.ContentSequence = kept

    def item(self, item: Dataset, rows: list[Row]) -> bool:
        """Clean one item; False when it goes."""
        kept = [row.expected for row in rows if row.kind == "sr_content_kept"]
        if rows and not kept:
            return item.ValueType in ("UIDREF",)
        words = [word for each in kept for word, count in each.get("words", []) for _ in range(count)]
        dates = [self.moved(each["date"]) for each in kept if "date" in each]
        if "TextValue" in item and (words or dates):
            item.TextValue = " ".join([*words, *dates])
        for keyword in ("Date", "DateTime"):
            if keyword in item:
                setattr(item, keyword, self.shifted(str(item[keyword].value)))
        return True

    def pixels(self) -> None:
        """Native pixels without their text, their tail and their high bits."""
        if "PixelData" not in self.ds or int(self.ds.BitsAllocated) == 1:
            return
        values: Any = decoded(self.path).copy()
        for row in self.rows:
            if row.kind == "pixels_hidden":
                left, top, right, bottom = row.expected["box"]
                values[:, top:bottom, left:right] = 0
        if values.dtype.itemsize == 2:
            values = (values.astype(np.int64) & ((1 << int(self.ds.BitsStored)) - 1)).astype("<u2")
        if values.ndim == 4:
            self.ds.PhotometricInterpretation, self.ds.PlanarConfiguration = "RGB", 0
        raw = np.ascontiguousarray(values).tobytes()
        self.ds.PixelData = raw + b"\0" * (len(raw) % 2)
        self.ds["PixelData"].VR = "OW" if int(self.ds.BitsAllocated) == 16 else "OB"
        self.ds["PixelData"].is_undefined_length = False

    def drop(self) -> None:
        """What must go altogether, and whatever else still holds a token."""
        for row in self.rows:
            element = find(self.ds, row.path) if row.kind == "private_removed" else None
            if element is not None and element.tag in self.ds:
                del self.ds[element.tag]
        tokens = [*self.key.tokens[self.file]]
        for row in self.rows:
            tokens += row.expected if row.kind in ("codec_metadata", "raw_bytes") else []
        for element in list(self.ds):
            group = element.tag.group
            if group & 0xFFE1 in (0x5000, 0x6000) or element.keyword in ("IconImageSequence", "ICCProfile"):
                del self.ds[element.tag]
            elif element.tag != 0x7FE00010:
                self.drop_tokens(element, self.ds, tokens)

    def drop_tokens(self, element: Any, ds: Dataset, tokens: list[str]) -> None:
        """Delete an element that holds a token, at its own depth."""
        if element.VR == "SQ":
            for item in element.value:
                for each in list(item):
                    self.drop_tokens(each, item, tokens)
        elif any(holds(as_text(element.value), token) or token in as_text(element.value) for token in tokens):
            del ds[element.tag]

    def mark(self) -> None:
        """Who it is now, and how it was done."""
        ds = self.ds
        ds.PatientID = ds.PatientName = f"SUBJ-{self.person:04d}"
        ds.PatientIdentityRemoved, ds.DeidentificationMethod = "YES", "by the key"
        ds.DeidentificationMethodCodeSequence = [code("113100", "DCM", "Basic"), code("113107", "DCM", "Dates")]
        ds.LongitudinalTemporalInformationModified = "MODIFIED"
        ds.add_new(0x00130010, "LO", "CTP")


__all__ = ["answer", "new_uid"]
