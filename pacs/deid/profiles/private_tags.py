"""Private elements that are known: which are safe, and what to do with the others. PS3.15 E.3.10.

The safe list of Table E.3.10-1 is shipped (`data/safe_private.json`). A site may import a knowledge base of its own as
CSV: an element signature such as ``(0019,"GEMS_ACQU_01",24)``, with ``[<0>]`` between levels of nesting, its VR, and a
disposition. The same element may be listed with several VRs and a disposition for each.
"""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from pacs.deid.profiles.rules import Rule, private_key
from pacs.deid.profiles.table import data_file
from pacs.dicom.dictionary import KNOWN_VRS
from pacs.errors import ProfileError

# Dispositions of the knowledge base, and the action each means.
DISPOSITIONS = {"k": "known", "d": "X", "h": "U", "o": "shift", "oi": "epoch", "na": "na", "": ""}
COLUMNS = ("element_sig_pattern", "tag_name", "vr", "private_disposition")
_STEP = re.compile(r'\(\s*([0-9A-Fa-f]{4})\s*,\s*(?:([0-9A-Fa-f]{4})\s*\)|"?([^"]*)"?\s*,\s*([0-9A-Fa-f]{1,2})\s*\))')
_GAP = re.compile(r"\s*(?:\[\s*<?\s*\d*\s*>?\s*\])?\s*")
_CREATORLESS = re.compile(r'\([0-9A-Fa-f]{4},\s*"?\s*"?\s*,[0-9A-Fa-f]{1,2}\)')
MAX_BYTES = 64 << 20
SAFE_SOURCE = "PS3.15 Table E.3.10-1"


@dataclass(frozen=True)
class PrivateTags:
    """Rules by signature (steps joined by ``/``) and VR; the VR "" stands for any.

    `vrs` are the VRs that an element is known to have, for values that travelled as UN.
    """

    rules: Mapping[str, Mapping[str, Rule]] = field(default_factory=dict, repr=False)
    vrs: Mapping[str, str] = field(default_factory=dict, repr=False)
    digest: str = ""

    def rule_of(self, signature: str, vr: str) -> Rule | None:
        """The rule for an element: by its whole signature, else by its last step where that is listed alone."""
        listed = self.rules.get(signature)
        if listed is None and "/" in signature:
            listed = self.rules.get(signature.rpartition("/")[2])
        if listed is None:
            return None
        return listed.get(vr) or listed.get("") or (next(iter(listed.values())) if vr == "UN" else None)

    def vr_of(self, signature: str) -> str | None:
        """The VR that an element is known to have, other than UN; None when nobody said."""
        return self.vrs.get(signature) or self.vrs.get(signature.rpartition("/")[2])

    def __or__(self, later: "PrivateTags") -> "PrivateTags":
        """Both; where they name the same element the later one decides."""
        return made({**self.rules, **later.rules})


def made(rules: Mapping[str, Mapping[str, Rule]]) -> PrivateTags:
    """Rules with the VRs that follow from them and a digest of all."""
    vrs = {}
    for signature, by_vr in rules.items():
        named = [vr for vr in by_vr if vr not in ("", "UN", "OB", "OW")] or [vr for vr in by_vr if vr not in ("", "UN")]
        if len(named) == 1:
            vrs[signature] = named[0]
    content = sorted((sig, vr, rule.code) for sig, by_vr in rules.items() for vr, rule in by_vr.items())
    return PrivateTags(rules, vrs, hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16] if rules else "")


@cache
def standard_safe_list() -> PrivateTags:
    """Table E.3.10-1."""
    rules = {}
    for row in json.loads(data_file("safe_private.json"))["rows"]:
        group, low, creator, vr, meaning = row
        key = private_key(int(group, 16), creator, int(low, 16))
        code = "U" if vr == "UI" else "content" if vr == "SQ" else "known"
        rules[key] = {"": Rule(key, code, meaning or "on the safe list", SAFE_SOURCE, "retain_safe_private", value=vr)}
    listed = made(rules)
    vrs = {key: by_vr[""].value for key, by_vr in rules.items() if by_vr[""].value}
    return PrivateTags(listed.rules, vrs, listed.digest)


@dataclass(frozen=True, slots=True)
class Imported:
    """A knowledge base as read: its tags, counts by disposition, and the lines that could not be understood."""

    tags: PrivateTags = field(repr=False)
    rows: int
    counts: Mapping[str, int]
    faults: tuple[str, ...]


def read_knowledge_base(text: str, source: str) -> Imported:
    """Read a CSV with the columns `COLUMNS`. Stray blanks, letter case and uneven quoting are forgiven.

    A line that cannot be understood is left out and named in `faults` (its elements stay unknown, and go).
    Raises `ProfileError` when it is no such table at all.
    """
    if len(text) > MAX_BYTES:
        raise ProfileError(f"a knowledge base of private tags has at most {MAX_BYTES >> 20} MB")
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    missing = set(COLUMNS) - {(name or "").strip().lower() for name in reader.fieldnames or ()}
    if missing:
        raise ProfileError(f"no knowledge base of private tags: column {', '.join(sorted(missing))} is missing")
    rules: dict[str, dict[str, Rule]] = {}
    counts: Counter[str] = Counter()
    faults: list[str] = []
    count = 0
    try:
        for row in reader:
            count += 1
            clean = {(name or "").strip().lower(): (value or "").strip() for name, value in row.items() if name}
            fault = _read_row(clean, source, rules, counts)
            if fault:
                faults.append(f"line {reader.line_num}: {fault}")
    except csv.Error as error:
        raise ProfileError(f"line {reader.line_num}: {error}") from error
    return Imported(made(rules), count, dict(counts), tuple(faults))


def _read_row(
    row: Mapping[str, str], source: str, rules: dict[str, dict[str, Rule]], counts: Counter[str]
) -> str | None:
    """Add one row; returns what is wrong with it."""
    disposition = row["private_disposition"].lower()
    if disposition not in DISPOSITIONS:
        return f"no disposition {disposition!r}"
    vr = row["vr"].upper()
    if vr and vr not in KNOWN_VRS:
        return f"no VR {vr!r}"
    pattern = row["element_sig_pattern"]
    signature = signature_of(pattern)
    if signature is None and not _CREATORLESS.search(pattern):
        return "no element signature"
    counts[disposition or "blank"] += 1
    if signature is None:  # nobody's element: as unknown as before
        counts["without creator"] += 1
        return None
    code = DISPOSITIONS[disposition]
    if vr == "SQ" and code in ("na", "known"):
        code = "content"
    if code in ("na", "") or '"' not in signature.rpartition("/")[2]:
        return None  # says nothing, or names a public element, for which the profile's own rules hold
    if code == "known" and vr == "UI":
        code = "U"  # a UID that stays as it is would lead back to the patient
    reason = row["tag_name"].rpartition(":")[2] or "private element"
    listed = rules.setdefault(signature, {})
    before = listed.get(vr)
    if before is not None and before.code != code:  # rows that contradict each other: in doubt it goes
        counts["contradicting"] += 1
        code = "X"
    listed[vr] = Rule(signature, code, reason, source, "retain_safe_private")
    return None


def signature_of(pattern: str) -> str | None:
    """An element signature in canonical form: steps joined by ``/``; None when it is none."""
    steps = []
    place = 0
    text = pattern.strip()
    while place < len(text):
        found = _STEP.match(text, place)
        if found is None:
            return None
        group, element, creator, low = found.groups()
        if element is not None:
            steps.append((group + element).upper())
        elif not creator.strip():
            return None
        else:
            steps.append(private_key(int(group, 16), creator, int(low, 16)))
        gap = _GAP.match(text, found.end())
        place = gap.end() if gap else found.end()
    return "/".join(steps) or None


def rows_of(tags: PrivateTags) -> Iterable[tuple[str, str, Rule]]:
    """(signature, VR or "", rule) in order."""
    for signature in sorted(tags.rules):
        for vr in sorted(tags.rules[signature]):
            yield signature, vr, tags.rules[signature][vr]
