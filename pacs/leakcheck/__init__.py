"""The second reader: searches every identifying value of an original in its de-identified result. Pure.

`check` gives the findings that hold an object; `review` also lists what a named rule excused. It shares no decision
with `deid` and does not know what a profile is: it reads the original, reads the result as a stranger would (decoded
text, and raw bytes), and applies the rules of `rules.py`, each with its limits against false alarms.

Why (2026-11): words of the result are made once and met with sets, so that the usual object without a hit costs less
than a millisecond; only a hit looks for its place. A finding holds a path and a rule, never a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import Encoding
from pacs.leakcheck.identity import identity_of, learned_names
from pacs.leakcheck.raw import meta_of, preamble, raw_bytes
from pacs.leakcheck.rules import NAME_RULES, RULES
from pacs.leakcheck.texts import read
from pacs.model import Finding


@dataclass(frozen=True, slots=True)
class Context:
    """What is known besides the two objects.

    `aes` are AE titles of the transfer (the sender's, and those of the old file meta). `kept` names, by tag, the rule
    that keeps an identifying element on purpose: its values are excused and listed. `issued` are the new identifiers
    that this object was given; their own words (such as the collection's name) are no leak where they stand alone.
    `learned` are names of persons known from other objects of the collection, as PN values.
    """

    aes: tuple[str, ...] = ()
    kept: Mapping[int, str] = field(default_factory=dict)
    issued: tuple[str, ...] = ()
    learned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Review:
    """`findings` hold the object; `excused` are original elements that a named rule keeps."""

    findings: tuple[Finding, ...]
    excused: tuple[Finding, ...]


def review(
    original: DataSet, result: DataSet, header: bytes, context: Context | None = None, *, little_endian: bool = True
) -> Review:
    """Compare a result with its original; see `check`."""
    context = context or Context()
    identity = identity_of(original, context.aes, context.kept)
    reading = read((result, meta_of(header)), context.issued, little_endian=little_endian)
    found = [finding for rule in RULES for finding in rule(identity, reading)]
    if context.learned:
        found += [finding for rule in NAME_RULES for finding in rule(learned_names(context.learned), reading)]
    found += raw_bytes(identity, reading)
    found += preamble(header)
    return Review(tuple(dict.fromkeys(found)), tuple(Finding(path, rule) for path, rule in identity.excused))


def check(
    original: DataSet, result: DataSet, encoding: Encoding, header: bytes, context: Context | None = None
) -> tuple[Finding, ...]:
    """What of an original can be found in its result; empty when nothing can.

    Parameters
    ----------
    original, result : DataSet
        Before and after de-identification, without file meta information.
    encoding : Encoding
        How the result is written.
    header : bytes
        The result's bytes from the preamble (or the data set's start) to its pixel data. Of the pixel data only that
        is searched which is no image: codestream metadata, unused bits, bytes behind the last frame.
    context : Context
        AE titles of the transfer, and elements that a named rule keeps.
    """
    return review(original, result, header, context, little_endian=encoding.little_endian).findings


__all__ = ["Context", "Review", "check", "review"]
