"""What two profiles do differently to the same files: for choosing, and before a change goes live."""

from collections import Counter
from pathlib import Path
from secrets import token_bytes

import click

from pacs.cli.output import print_table
from pacs.deid import CollectionKeys, Context, Result, deidentify, load_profile
from pacs.deid.profiles import Profile
from pacs.dicom.dictionary import KEYWORD_OF
from pacs.dicom.elements import DataSet, parse
from pacs.dicom.fileformat import inflate, read_start
from pacs.dicom.syntaxes import DEFLATED_LE, Encoding, encoding_of
from pacs.errors import PacsError

MAX_INFLATED_BYTES = 1 << 31


def compare_profiles(files: list[Path], names: tuple[str, str], profiles: Path | None, *, as_json: bool) -> None:
    """Print every element path that the two profiles treat differently, with how often. No value is shown."""
    old, new = (load_profile(name, profiles) for name in names)
    keys = CollectionKeys.derive(token_bytes(32), "compare")
    counts: Counter[tuple[str, str, str]] = Counter()
    unread = 0
    for file in files:
        try:
            data_set, encoding = _read(file)
            results = [deidentify(data_set, encoding, profile, keys, Context()) for profile in (old, new)]
        except (PacsError, OSError):
            unread += 1
            continue
        counts.update(_differences(data_set, results[0], results[1]))
    rows = [
        {"tag": tag, "name": KEYWORD_OF.get(int(tag[-8:], 16), "private"), "old": was, "new": now, "objects": count}
        for (tag, was, now), count in sorted(counts.items())
    ]
    if not as_json:
        click.echo(f"{_shown(old)} against {_shown(new)}, {len(files) - unread} objects")
    print_table(rows, ("tag", "name", "old", "new", "objects"), as_json)


def _read(file: Path) -> tuple[DataSet, Encoding]:
    """The data set of a file, deflated ones too. Raises OSError and `Refused`."""
    view = memoryview(file.read_bytes())
    start = read_start(view)
    body = view[start.data_set_offset :]
    if start.transfer_syntax_uid == DEFLATED_LE:
        body = memoryview(b"".join(inflate(body, MAX_INFLATED_BYTES)))
    encoding = encoding_of(start.transfer_syntax_uid)
    return parse(body, encoding), encoding


def _shown(profile: Profile) -> str:
    return f"{profile.name} {profile.version}"


def _differences(original: DataSet, old: Result, new: Result) -> set[tuple[str, str, str]]:
    """(path of tags, what the old profile makes of it, what the new one does) where the two differ."""
    found: set[tuple[str, str, str]] = set()
    waiting = [("", original, old.data_set, new.data_set)]
    while waiting:
        prefix, source, was, now = waiting.pop()
        for tag in {*source, *was, *now}:
            before, after = _state(source, was, tag), _state(source, now, tag)
            path = f"{prefix}{tag:08X}"
            if before != after or _bytes(was, tag) != _bytes(now, tag):
                found.add((path, before, after if before != after else f"{after}, otherwise"))
            items = [each[tag].items or [] if tag in each else [] for each in (source, was, now)]
            if len(items[0]) == len(items[1]) == len(items[2]):
                waiting.extend((f"{path}.", *three) for three in zip(*items, strict=True))
    return found


def _state(source: DataSet, result: DataSet, tag: int) -> str:
    if tag not in result:
        return "removed" if tag in source else "absent"
    if tag not in source:
        return "added"
    if result[tag] is source[tag] or _bytes(source, tag) == _bytes(result, tag):
        return "kept"
    return "changed" if result[tag].value or result[tag].items else "emptied"


def _bytes(data_set: DataSet, tag: int) -> bytes | None:
    element = data_set.get(tag)
    return None if element is None or element.items is not None else bytes(element.value)
