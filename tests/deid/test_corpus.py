"""The scorer catches every mistake: a right answer is spoilt in one way at a time, and the row of that kind fails."""

import shutil
from pathlib import Path

import pydicom
import pytest
from pydicom import dcmwrite
from pydicom.dataset import Dataset

from tests.deid.corpus import KINDS, Key, Row, make_corpus, score
from tests.deid.corpus.oracle import answer
from tests.deid.corpus.outputs import decoded, find


class Spoilt:
    """A corpus with its right answer, one output of which may be changed for a while."""

    def __init__(self, folder: Path) -> None:
        self.source, self.target = folder / "in", folder / "out"
        self.key = make_corpus(self.source, seed=7, people=4, kinds_each=8)
        answer(self.key, self.source, self.target)

    def row(self, kind: str, **wanted: str) -> Row:
        """The first row of a kind whose object has an output."""
        return next(
            row
            for row in self.key.rows
            if row.kind == kind
            and row.file not in self.key.held.files
            and all(getattr(row, name) == value for name, value in wanted.items())
        )

    def failed(self, row: Row) -> bool:
        """Whether that row fails, judged with all rows of its kind."""
        key = Key(self.key.seed, [each for each in self.key.rows if each.kind == row.kind or each.file == row.file])
        key.people, key.patient_ids = self.key.people, self.key.patient_ids
        key.tokens, key.held = self.key.tokens, self.key.held
        return any(each == row for each, _why in score(key, self.source, self.target).failures)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return Spoilt(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def spoil(corpus, tmp_path):
    """A function that changes an output; the output is put back afterwards, under another path for the caches."""
    whole = corpus.target
    corpus.target = tmp_path / "out"
    shutil.copytree(whole, corpus.target)
    yield lambda row, change: _change(corpus.target / row.file, change)
    corpus.target = whole


def _change(path, change):
    ds = pydicom.dcmread(path)
    with pydicom.config.disable_value_validation():
        change(ds)
        dcmwrite(path, ds, enforce_file_format=True)


def _set(path, value):
    def change(ds: Dataset) -> None:
        element = find(ds, path)
        assert element is not None
        element.value = value

    return change


def _delete(path):
    def change(ds: Dataset) -> None:
        element = find(ds, path)
        assert element is not None
        del ds[element.tag]

    return change


def test_right_answer_scores_full_marks(corpus):
    result = score(corpus.key, corpus.source, corpus.target)
    assert result.failures == []
    assert set(result.required) == set(KINDS)


def test_untouched_files_fail_all_privacy_rows(corpus):
    result = score(corpus.key, corpus.source, corpus.source)
    for kind in ("text_removed", "uid_changed", "date_shifted", "pixels_hidden", "pdf", "codec_metadata", "overlays"):
        assert result.correct[kind] == 0, kind
    for kind in ("tag_retained", "text_notnull", "pixels_retained", "private_kept", "held_without_need"):
        assert result.correct[kind] == result.required[kind], kind


def test_same_seed_same_corpus(tmp_path):
    make_corpus(tmp_path / "a", seed=3, people=2, kinds_each=4)
    make_corpus(tmp_path / "b", seed=3, people=2, kinds_each=4)
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in "ab")
    assert first == second


def test_key_survives_being_saved(corpus, tmp_path):
    corpus.key.save(tmp_path / "key.json")
    assert Key.load(tmp_path / "key.json") == corpus.key


SPOILERS = {
    "tag_retained": ({"path": "00101030"}, lambda row, before: _set(row.path, "3")),
    "text_notnull": ({"path": "00100010"}, lambda row, before: _set(row.path, "")),
    "text_retained": ({"path": "00081030"}, lambda row, before: _set(row.path, "CT")),
    "text_removed": ({"path": "00100010"}, lambda row, before: _set(row.path, before[row.path].value)),
    "date_shifted": ({"path": "00080020"}, lambda row, before: _set(row.path, before[row.path].value)),
    "uid_changed": ({"path": "0020000D"}, lambda row, before: _set(row.path, before[row.path].value)),
    "uid_consistent": ({"path": "0020000D"}, lambda row, before: _set(row.path, "2.25.4711")),
    "patid_consistent": ({}, lambda row, before: _set(row.path, "SOMEONE-ELSE")),
    "date_intervals": ({}, lambda row, before: _set("00080022", "20010101")),
    "private_kept": ({}, lambda row, before: _delete(row.path)),
    "sr_content_kept": ({}, lambda row, before: lambda ds: ds.pop("ContentSequence")),
    "marks": ({}, lambda row, before: lambda ds: ds.pop("PatientIdentityRemoved")),
}


@pytest.mark.parametrize("kind", sorted(SPOILERS))
def test_spoilt_element_is_caught(corpus, spoil, kind):
    wanted, spoiler = SPOILERS[kind]
    row = corpus.row(kind, **wanted)
    assert not corpus.failed(row)
    spoil(row, spoiler(row, pydicom.dcmread(corpus.source / row.file)))
    assert corpus.failed(row)


def test_token_in_any_encoding_is_caught_in_bytes(corpus, spoil):
    row = next(r for r in corpus.key.rows if r.kind == "raw_bytes" and not r.path and not r.expected)
    token = corpus.key.tokens[row.file][0]
    for codec in ("latin-1", "utf-16-le"):
        spoil(row, lambda ds, codec=codec: ds.add_new(0x00189F00, "OB", b"\1\1" + token.encode(codec) + b"\1\1"))
        assert corpus.failed(row)
        spoil(row, lambda ds: ds.pop(0x00189F00))


def test_original_uid_is_caught_in_bytes(corpus, spoil):
    row = next(r for r in corpus.key.rows if r.kind == "raw_bytes" and not r.path and not r.expected)
    uid = str(pydicom.dcmread(corpus.source / row.file).StudyInstanceUID)
    spoil(row, lambda ds: setattr(ds, "ImageComments", f"see {uid}"))
    assert corpus.failed(row)


def test_preamble_and_file_meta_are_searched(corpus, spoil):
    row = corpus.row("raw_bytes", path="preamble")
    path = corpus.target / row.file
    path.write_bytes(row.expected[0].encode().ljust(128, b"\0") + path.read_bytes()[128:])
    assert corpus.failed(row)
    row = corpus.row("raw_bytes", path="meta")
    spoil(row, lambda ds: setattr(ds.file_meta, "SourceApplicationEntityTitle", row.expected[0]))
    assert corpus.failed(row)


def test_readable_burned_in_text_is_caught(corpus, spoil):
    row = corpus.row("pixels_hidden")
    before = decoded(corpus.source / row.file)
    spoil(row, lambda ds: setattr(ds, "PixelData", before.tobytes()))
    assert corpus.failed(row)


def test_half_hidden_text_is_caught(corpus, spoil):
    row = corpus.row("pixels_hidden")
    left, top, right, bottom = row.expected["box"]
    values = decoded(corpus.source / row.file).copy()
    values[..., top:bottom, left : (left + right) // 2] = 0
    spoil(row, lambda ds: setattr(ds, "PixelData", values.tobytes()))
    assert corpus.failed(row)


def test_one_changed_pixel_is_caught(corpus, spoil):
    row = corpus.row("pixels_retained", trap="baseline")

    def flip(ds):
        ds.PixelData = bytes([ds.PixelData[0] ^ 1]) + ds.PixelData[1:]

    spoil(row, flip)
    assert corpus.failed(row)


def test_hidden_technical_mark_is_caught(corpus, spoil):
    row = corpus.row("pixels_retained", trap="technical marks")
    spoil(row, lambda ds: setattr(ds, "PixelData", bytes(len(ds.PixelData))))
    assert corpus.failed(row)


def test_person_left_in_report_is_caught(corpus, spoil):
    row = corpus.row("sr_content_removed")
    token = row.expected["tokens"][0][0]
    item = Dataset()
    item.ValueType, item.TextValue = "TEXT", f"by {token}"
    name = Dataset()
    name.CodeValue = row.expected["concept"]
    item.ConceptNameCodeSequence = [name]
    spoil(row, lambda ds: ds.ContentSequence.append(item))
    assert corpus.failed(row)


def test_private_element_left_is_caught(corpus, spoil):
    row = corpus.row("private_removed", path='0009"ACME PRIVATE 3.1"01')

    def put_back(ds):
        ds.add_new(0x00090010, "LO", "ACME PRIVATE 3.1")
        ds.add_new(0x00091001, "LO", "anything")

    spoil(row, put_back)
    assert corpus.failed(row)


def test_overlay_and_high_bits_are_caught(corpus, spoil):
    rows = [row for row in corpus.key.rows if row.kind == "overlays" and row.file not in corpus.key.held.files]
    gone = next(row for row in rows if "gone" in row.expected)
    spoil(gone, lambda ds: ds.add_new(0x60003000, "OW", b"\0\0"))
    assert corpus.failed(gone)
    bits = next(row for row in rows if "high_bits" in row.expected)
    spoil(bits, lambda ds: setattr(ds, "PixelData", ds.PixelData[:-1] + b"\xf0"))
    assert corpus.failed(bits)


def test_codec_metadata_left_is_caught(corpus, spoil):
    row = corpus.row("codec_metadata")
    spoil(row, lambda ds: ds.add_new(0x00282000, "OB", row.expected[0].encode() + b"\0"))
    assert corpus.failed(row)


@pytest.mark.parametrize("why", ["an encapsulated document", "scanned paper"])
def test_document_that_went_through_is_caught(corpus, spoil, why):
    file = next(file for file, reason in corpus.key.held.files.items() if reason == why)
    row = next(row for row in corpus.key.rows if row.file == file and row.kind == "pdf")
    assert not corpus.failed(row)
    shutil.copy(corpus.source / file, corpus.target / file)
    assert corpus.failed(row)


def test_object_held_without_need_fails_all_its_rows(corpus, spoil):
    row = corpus.row("held_without_need")
    (corpus.target / row.file).unlink()
    failures = {
        each for each, _why in ((r.kind, w) for r, w in score(corpus.key, corpus.source, corpus.target).failures)
    }
    assert {"held_without_need", "tag_retained", "text_removed", "uid_changed"} <= failures
