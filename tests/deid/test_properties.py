"""What holds for any object: order says nothing, mappings are one to one, nothing planted survives, what stays is the
same bytes, and two processes give the same bytes."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs.deid import CollectionKeys, Context, deidentify, load_profile
from pacs.dicom.dictionary import VR_OF, vr_of
from pacs.dicom.elements import PIXEL_TAGS, DataSet, Element, parse
from pacs.dicom.syntaxes import EXPLICIT_LE, encoding_of
from pacs.dicom.values import first_text
from pacs.dicom.writing import encode
from tests.deid.corpus import make_corpus

ENCODING = encoding_of(EXPLICIT_LE)
KEYS = CollectionKeys.derive(b"k" * 32, "inbox")
CT = b"1.2.840.10008.5.1.4.1.1.2"
NAME, GIVEN, PATIENT_ID, ADDRESS = "Quixotic", "Zebulon", "MRN-778812", "Wimbleford Crescent 17"
UIDS = {0x00080018: "1.2.826.0.1.3680043.99.1", 0x0020000D: "1.2.826.0.1.3680043.99.2"}
UIDS |= {0x0020000E: "1.2.826.0.1.3680043.99.3"}
TEXT_TAGS = sorted(
    tag
    for tag in VR_OF
    if tag >> 16 > 8 and tag & 0xFFFF and tag not in PIXEL_TAGS and vr_of(tag) in {"LO", "SH", "LT", "ST", "UT", "PN"}
)
SEQUENCES = sorted(tag for tag in VR_OF if tag >> 16 > 8 and tag & 0xFFFF and vr_of(tag) == "SQ")
NUMBERS = sorted(
    tag for tag in VR_OF if tag >> 16 in (0x18, 0x20, 0x28) and vr_of(tag) in {"DS", "IS", "US", "FD", "FL"}
)
PROFILES = ("basic", "tcia")
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

harmless = st.sampled_from(["CT CHEST", "AXIAL 5mm", "contrast", "T1 SAG", "knee", ""])
secrets = st.sampled_from(
    [
        f"{NAME}^{GIVEN}",
        f"{GIVEN} {NAME}",
        f"{NAME.upper()}, {GIVEN.upper()}",
        f"{NAME}{GIVEN}",
        f"Dr. {NAME}",
        PATIENT_ID,
        f"id {PATIENT_ID}.",
        ADDRESS,
        UIDS[0x0020000D],
    ]
)
values = st.builds(lambda before, secret, after: f"{before} {secret} {after}".strip(), harmless, secrets, harmless)


def base() -> DataSet:
    """The least that identifies a person and an object."""
    ds = DataSet()
    ds.put(0x00080016, "UI", CT)
    for tag, uid in UIDS.items():
        ds.put(tag, "UI", uid.encode())
    ds.put(0x00080020, "DA", b"20200115")
    ds.put(0x00100010, "PN", f"{NAME}^{GIVEN}".encode())
    ds.put(0x00100020, "LO", PATIENT_ID.encode())
    ds.put(0x00101040, "LO", ADDRESS.encode())
    return ds


@st.composite
def levels(draw, depth: int = 2) -> DataSet:
    """Texts with something planted into them, any VR, at any depth."""
    ds = DataSet()
    for tag in draw(st.lists(st.sampled_from(TEXT_TAGS), max_size=5, unique=True)):
        ds.put(tag, draw(st.sampled_from([vr_of(tag), "UN"])), draw(values).encode())
    if draw(st.booleans()):
        ds.put(0x00910010, "LO", draw(st.sampled_from([b"ACME 1", NAME.encode()])))
        ds.put(0x00911001, draw(st.sampled_from(["LO", "UN", "OB"])), draw(values).encode())
    if depth:
        for tag in draw(st.lists(st.sampled_from(SEQUENCES), max_size=2, unique=True)):
            ds[tag] = Element(tag, "SQ", b"", draw(st.lists(levels(depth - 1), min_size=1, max_size=2)))
    return ds


objects = levels().map(lambda planted: DataSet({**planted, **base()}))


def run(ds: DataSet, profile: str = "tcia"):
    """De-identify, as it is when it comes in: read from bytes."""
    return deidentify(parse(encoded(ds), ENCODING), ENCODING, load_profile(profile), KEYS, Context(site="S"))


def encoded(ds: DataSet) -> bytes:
    """As written."""
    return b"".join(bytes(piece) for piece in encode(ds, ENCODING, ENCODING))


@pytest.mark.parametrize("profile", PROFILES)
@quick
@given(objects)
def test_no_planted_token_survives(profile, ds):
    written = encoded(run(ds, profile).data_set).lower()
    for token in (NAME, GIVEN, PATIENT_ID, "Wimbleford", *UIDS.values()):
        assert token.lower().encode() not in written


@pytest.mark.parametrize("profile", PROFILES)
@quick
@given(objects, st.randoms(use_true_random=False))
def test_order_of_elements_changes_nothing(profile, ds, random):
    tags = list(ds)
    random.shuffle(tags)
    shuffled = DataSet({tag: ds[tag] for tag in tags})
    assert encoded(run(shuffled, profile).data_set) == encoded(run(ds, profile).data_set)


@quick
@given(objects)
def test_original_is_never_changed(ds):
    source = parse(encoded(ds), ENCODING)
    before = encoded(source)
    deidentify(source, ENCODING, load_profile("tcia"), KEYS, Context(site="S"))
    assert encoded(source) == before


@pytest.mark.parametrize("profile", PROFILES)
@quick
@given(st.dictionaries(st.sampled_from(NUMBERS), st.binary(min_size=8, max_size=8), max_size=12))
def test_retained_values_are_the_same_bytes(profile, numbers):
    ds = base()
    for tag, value in numbers.items():
        ds.put(tag, vr_of(tag), b"12.5    " if vr_of(tag) in ("DS", "IS") else value)
    result = run(ds, profile)
    changed = {change.path for change in result.report}
    for tag in numbers:
        if f"{tag:08X}" not in changed:
            assert bytes(result.data_set[tag].value) == bytes(ds[tag].value), f"{tag:08X}"


ids = st.text("ABCDEFGHIJ0123456789-", min_size=1, max_size=12).filter(str.strip)
uids = st.lists(st.integers(1, 10**9), min_size=3, max_size=6).map(lambda parts: "1.2.826." + ".".join(map(str, parts)))


@quick
@given(st.lists(st.tuples(ids, uids, uids, uids), min_size=2, max_size=12))
def test_mappings_stay_one_to_one_over_any_objects(people):
    new_ids: dict[str, set[str]] = {}
    new_uids: dict[str, set[str]] = {}
    shifts: dict[str, set[int]] = {}
    for patient, study, series, sop in people:
        ds = base()
        ds.put(0x00100020, "LO", patient.encode())
        for tag, uid in ((0x0020000D, study), (0x0020000E, series), (0x00080018, sop)):
            ds.put(tag, "UI", uid.encode())
        result = run(ds)
        old = patient.strip()
        new_ids.setdefault(old, set()).add(result.patient_id)
        shifts.setdefault(old, set()).add(result.date_shift_days)
        for before, after in ((study, result.study_uid), (series, result.series_uid), (sop, result.sop_uid)):
            new_uids.setdefault(before, set()).add(after)
    for found in (new_ids, new_uids, shifts):
        assert all(len(each) == 1 for each in found.values())
    for found in (new_ids, new_uids):
        assert len({new for each in found.values() for new in each}) == len(found)


@quick
@given(uids, st.sampled_from(SEQUENCES))
def test_reference_gets_the_uid_of_what_it_refers_to(uid, tag):
    ds, item = base(), DataSet()
    item.put(0x00081155, "UI", uid.encode())
    ds[tag] = Element(tag, "SQ", b"", [item])
    target = base()
    target.put(0x00080018, "UI", uid.encode())
    kept = run(ds).data_set.get(tag)
    if kept is not None and kept.items:
        assert first_text(kept.items[0], 0x00081155) in ("", run(target).sop_uid)


_DIGEST = """
import hashlib, sys
from pathlib import Path
from pacs.deid import CollectionKeys, Context, deidentify, load_profile
from pacs.dicom.elements import parse
from pacs.dicom.writing import encode
from pacs.dicom.fileformat import read_start
from pacs.dicom.syntaxes import encoding_of
keys, digest = CollectionKeys.derive(b"k" * 32, "inbox"), hashlib.sha256()
for path in sorted(Path(sys.argv[1]).iterdir()):
    content = path.read_bytes()
    start = read_start(memoryview(content))
    if start.transfer_syntax_uid == "1.2.840.10008.1.2.1.99":
        continue
    encoding = encoding_of(start.transfer_syntax_uid)
    source = parse(memoryview(content)[start.data_set_offset :], encoding)
    result = deidentify(source, encoding, load_profile("tcia"), keys, Context(site="S"))
    digest.update(b"".join(bytes(piece) for piece in encode(result.data_set, encoding, encoding)))
print(digest.hexdigest())
"""


def test_two_processes_give_the_same_bytes(tmp_path):
    make_corpus(tmp_path / "in", seed=5, people=2, kinds_each=12)
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-W", "ignore", "-c", _DIGEST, str(tmp_path / "in")]
    found = {
        subprocess.run(command, cwd=root, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert hashlib.sha256().hexdigest().encode() not in found
