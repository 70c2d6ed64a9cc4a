"""Fuzzing what comes from users of RSNA CTP: scripts, lookup tables, ZIP bodies, filters. Run by ``scripts/fuzz``.

The first byte chooses what the rest is. A script is refused with a fault or applied to an object; nothing else may
happen, whatever stands in it.
"""

import json
import re
import tempfile
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["pacs.deid.ctp", "pacs.deid.filters", "pacs.ctp", "pacs.spool.unpacking", "pacs.pipeline.analysis_report"]
):
    from pacs.ctp.configuration import read_configuration
    from pacs.ctp.translation import translated
    from pacs.deid.ctp import Outside, Script, read_script
    from pacs.deid.ctp.conversion import profile_of_script
    from pacs.deid.ctp.lookup import read_lookup
    from pacs.deid.ctp.strict import StrictAnonymizer
    from pacs.deid.filters import read_filter
    from pacs.deid.filters_as_ctp import filter_as_ctp
    from pacs.deid.pixels.pixel_script import pixel_script
    from pacs.pipeline.analysis_report import read_report
    from pacs.spool.unpacking import TooLarge, members

from pacs.deid import CollectionKeys, Context, actions, deidentify, load_profile
from pacs.deid.ctp import patterns
from pacs.deid.ctp.patterns import TookTooLong, fits_whole, java_pattern
from pacs.deid.profiles.library import assemble, script_file, shipped_folder
from pacs.deid.profiles.private_tags import standard_safe_list
from pacs.deid.profiles.reading import read_profile
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.syntaxes import EXPLICIT_LE, encoding_of
from pacs.dicom.writing import encode
from pacs.errors import BadRequest, PacsError, ProfileError
from pacs.pipeline.analysis import analyse
from tests.fuzz.running import fuzz

PROFILE = load_profile("tcia")
REPORT = json.dumps(analyse([Path(__file__)], PROFILE).as_json()).encode()
ENCODING = encoding_of(EXPLICIT_LE)
patterns.LONGEST_S = 0.5
KEYS = CollectionKeys.derive(bytes(32), "fuzz")
BASIC = read_profile((shipped_folder() / "basic.toml").read_text(encoding="utf-8"), "basic")
FOLDER = Path(tempfile.mkdtemp(prefix="pacs-fuzz-"))


def an_object() -> DataSet:
    """One with values of several kinds, a sequence and a private block."""
    found = DataSet()
    found.put(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2")
    found.put(0x00080018, "UI", b"1.2.3.4")
    found.put(0x00080020, "DA", b"20240229")
    found.put(0x00100010, "PN", b"Doe^John^Q")
    found.put(0x00100020, "LO", b"PID-0042")
    found.put(0x00101010, "AS", b"064Y")
    found.put(0x00280010, "US", b"\0\2")
    found.put(0x00091001, "LO", b"inside")
    found.put(0x00090010, "LO", b"MAKER")
    item = DataSet()
    item.put(0x00081155, "UI", b"1.2.3.5")
    found[0x00081140] = Element(0x00081140, "SQ", b"", [item])
    return found


def applied(script: Script) -> None:
    """The script over an object; the result can be written. And as a profile of ours, which is read again."""
    with suppress(PacsError):
        anonymizer = StrictAnonymizer(script, Outside({"a/PID-0042": "@a/PID-0042"}), lambda _tag, _item: False)
        target = anonymizer.run(an_object(), DataSet(), ENCODING)
        b"".join(encode(target, ENCODING, ENCODING))
    if script.rules and sum(script.rules) % 4 == 0:  # which takes longer
        laid_over_basic(script)
    try:
        written = profile_of_script(script)
    except ProfileError:
        return
    with suppress(ProfileError):  # of what a script says twice, or of text that a reason cannot hold
        read_profile(written, "fuzz")


def laid_over_basic(script: Script) -> None:
    """The script in mode safe: its rules are followed, or the object is given up."""
    file = script_file(script)
    with suppress(PacsError):
        profile = assemble("fuzz", [BASIC, file], (), standard_safe_list())
        outside = Outside({"a/PID-0042": "@a/PID-0042"}, lambda _kind, _text: 1)
        result = deidentify(an_object(), ENCODING, profile, KEYS, Context(outside=outside))
        b"".join(encode(result.data_set, ENCODING, ENCODING))
    for known in (actions._bases, actions._tables):  # each input is another profile
        known.clear()


def whole_script(data: bytes) -> None:
    """A file of either form."""
    with suppress(ProfileError):
        applied(read_script(data, "fuzz.script"))


def expression(data: bytes) -> None:
    """One rule's expression."""
    text = data.decode("utf-8", "replace").replace("&", "").replace("<", "").replace("]]>", "")
    text = "".join(letter for letter in text if letter.isprintable())
    known = '<p t="A">1.2</p><p t="UIDROOT">1.2</p><p t="SITEID">7</p><p t="PROJECTNAME">x</p>'
    content = f'<script>{known}<e en="T" t="00100020" n="">{text}</e></script>'
    with suppress(ProfileError):
        applied(read_script(content.encode(), "fuzz.script"))


def pattern(data: bytes) -> None:
    """A regular expression as Java has them, tried on a little text; it ends in time."""
    with suppress(re.error, TookTooLong):
        java_pattern.__wrapped__(data.decode("utf-8", "replace"))
        fits_whole(data.decode("utf-8", "replace"), "aA1-\u00e9 " * 9)


def lookup(data: bytes) -> None:
    """A lookup table of either form."""
    with suppress(BadRequest):
        read_lookup(data[1:].decode("utf-8", "replace"), is_csv=data[:1] < b"\x80", default_type="ptid")


def zipped(data: bytes) -> None:
    """A ZIP body; nothing stays, whatever is in it."""
    archive = FOLDER / "body"
    archive.write_bytes(data)
    count = 0

    def temporary() -> Path:
        nonlocal count
        count += 1
        return FOLDER / f"part{count}"

    with suppress(TooLarge), members(archive, temporary, 1 << 20) as found:
        assert all(path.stat().st_size <= max(1 << 20, len(data)) for path in found)
    assert [path.name for path in FOLDER.iterdir()] == ["body"]


def filtered(data: bytes) -> None:
    """A filter, as it is meant and as CTP reads it, and a pixel script with it."""
    text = data.decode("utf-8", "replace")
    for read in (read_filter, filter_as_ctp):
        with suppress(ProfileError, TookTooLong):
            chosen = read.__wrapped__(text, "fuzz")
            assert bool(chosen.failing(an_object(), ENCODING)) is not chosen.passes(an_object(), ENCODING)
    for exact in (True, False):
        with suppress(ProfileError):
            pixel_script(f"{{ {text} }} (1,2,3,4)", exact=exact)


def configuration(data: bytes) -> None:
    """A config.xml."""
    with suppress(BadRequest):
        plan = translated(read_configuration(data, "fuzz.xml"), FOLDER)
        assert all("\n" not in each.text + each.where for each in plan.remarks)
        assert plan.script().startswith("#!/bin/sh")


def report(data: bytes) -> None:
    """A report of an analysis that somebody hands in; a whole one with a few bytes of it changed."""
    place, changed = int.from_bytes(data[:2], "big"), bytearray(REPORT)
    changed[place : place + len(data) - 2] = data[2:]
    with suppress(BadRequest):
        read_report(bytes(changed), PROFILE, ["tcia"])


if __name__ == "__main__":
    fuzz([whole_script, expression, lookup, zipped, filtered, configuration, report, pattern])
