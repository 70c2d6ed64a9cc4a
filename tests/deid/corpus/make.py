"""Making a corpus: people, their studies, objects of every kind, traps by chance, files and key."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom.config

from tests.deid.corpus import banners, images, others, reports
from tests.deid.corpus.hidden import AROUND, jpeg_banner
from tests.deid.corpus.key import Key
from tests.deid.corpus.people import Person, make_people
from tests.deid.corpus.planted import Planted
from tests.deid.corpus.study import Study
from tests.deid.corpus.traps import IN_DATA_SET
from tests.deid.corpus.write import choose_syntax, write

# Every person has CT slices, which others refer to; of the rest some, so that a few people show every kind.
_KINDS = (
    images.pt,
    images.mr,
    images.enhanced_mr,
    images.sc,
    images.radiograph("dx", "1.1", "DX"),
    images.radiograph("cr", "1", "CR"),
    images.radiograph("mg", "1.2", "MG"),
    images.slide,
    images.movie,
    reports.report,
    reports.dose_report,
    others.structure_set,
    others.plan,
    others.dose,
    others.segmentation,
    others.presentation_state,
    others.ecg,
    others.document,
    others.scanned_paper,
    others.ultrasound(3, palette=False),
    others.ultrasound(1, palette=True, kind="uspal"),
    others.shuttered,
    *banners.KINDS,
)
CT_SLICES = 4


def make_corpus(folder: Path, seed: int, people: int = 8, kinds_each: int = 15) -> Key:
    """Write a corpus into a folder and its key; the same seed gives the same corpus.

    Parameters
    ----------
    folder : Path
        Gets the files. The key is for the caller to save, elsewhere.
    seed : int
        All chance comes from it.
    people, kinds_each : int
        Patients, and how many kinds of object besides CT each has; the kinds take turns.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = Key(seed)
    rng = random.Random(seed)
    kinds = list(_KINDS)
    rng.shuffle(kinds)
    turn = 0
    with _liberal():
        for person in make_people(rng, people):
            chosen = [kinds[(turn + n) % len(kinds)] for n in range(kinds_each)]
            turn += kinds_each
            for obj in _objects_of(person, random.Random(rng.randrange(1 << 40)), chosen):
                choose_syntax(obj)
                write(obj, folder)
                _note(key, obj)
    return key


@contextmanager
def _liberal() -> Iterator[None]:
    """pydicom writes what it is given: wrong values, and public elements as UN."""
    pydicom.config.replace_un_with_known_vr = False
    try:
        with pydicom.config.disable_value_validation():
            yield
    finally:
        pydicom.config.replace_un_with_known_vr = True


def _objects_of(person: Person, rng: random.Random, kinds: list) -> list[Planted]:
    study = Study(person, rng, person.number + 1)
    made = [images.ct(study, number) for number in range(CT_SLICES)]
    made += [kind(study, number) for number, kind in enumerate(kinds)]
    for obj in made:
        _trap(obj, rng)
    return made


def _trap(obj: Planted, rng: random.Random) -> None:
    """Some of the traps, in a fixed order, since later ones look at what earlier ones did."""
    for trap in IN_DATA_SET:
        if rng.random() < 0.3:
            obj.trap = trap.__name__
            trap(obj)
    is_banner = "us_" in obj.file
    has_text = any(row.kind == "pixels_hidden" for row in obj.rows)
    for around in (*AROUND, *([jpeg_banner] if is_banner else [])):
        if rng.random() < 0.3 and not (has_text and around.__name__ == "codec_metadata"):
            obj.trap = around.__name__
            around(obj)
    obj.trap = "any"
    obj.remember([])
    obj.expect("raw_bytes", "", [])
    obj.trap = "held"
    obj.expect("held_without_need")


def _note(key: Key, obj: Planted) -> None:
    key.rows += obj.rows
    key.people[obj.file] = obj.person.number
    key.patient_ids[obj.file] = obj.person.patient_id
    key.tokens[obj.file] = obj.tokens
    if obj.may_hold:
        key.held.files[obj.file] = obj.may_hold
