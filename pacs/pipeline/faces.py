"""The series stage that recognises a head whose face could be rendered: from the elements alone, by body part, coverage
and geometry. PS3.15 E.3.2.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import cast

Instance = Mapping[str, Mapping[str, object]]  # DICOM JSON model of one instance, PS3.18 Annex F

FLAG = "face"
MODALITIES = frozenset(("CT", "MR", "PT"))
_HEAD_PARTS = re.compile(
    r"HEAD|BRAIN|SKULL|FACE|ORBIT|SINUS|JAW|MAXILLA|MANDIBLE|NOSE|EYE|EAR|PITUITARY|CRAN|WHOLE ?BODY"
)
_HEAD_WORDS = re.compile(
    r"(?i)\b(?:head|brain|skull|face|facial|orbits?|sinus(?:es)?|crani\w*|cereb\w*|neuro\w*|mp-?rage|pituitary|iac"
    r"|temporal bones?|maxillo\w*|hirn|sch[aä]del|kopf|kiefer|cerveau|cr[aâ]ne|t[eê]te|cabeza|cerebro|testa|encefalo)\b"
)
_OTHER_PARTS = re.compile(
    r"CHEST|THORAX|ABDOMEN|PELVIS|PROSTATE|BREAST|KNEE|HIP|SPINE|LIVER|HEART|EXTREMITY|LUNG|ANKLE|WRIST"
)
# A surface that people could recognise: voxels no coarser, and a part of the head no smaller than this. Millimetres.
_COARSEST_IN_PLANE, _COARSEST_SLICES, _LEAST_COVERED = 2.0, 5.0, 60.0
_FIELD_OF_VIEW = (120.0, 620.0)


def find_faces(instances: Sequence[Instance]) -> frozenset[str]:
    """The flag ``face`` for a head series from which a face could be rendered, else nothing."""
    if not instances or _text(instances[0], "00080060") not in MODALITIES:
        return frozenset()
    kinds = {value.upper() for value in _values(instances[0], "00080008")}
    if "LOCALIZER" in kinds or not is_head(instances[0]):
        return frozenset()
    return frozenset((FLAG,)) if shows_surface(instances) else frozenset()


def is_head(instance: Instance) -> bool:
    """Whether body part or descriptions speak of a head; a body part that names another region wins over words."""
    part = _text(instance, "00180015").upper()
    if part and _HEAD_PARTS.search(part):
        return True
    if part and _OTHER_PARTS.search(part):
        return False
    words = " ".join(_text(instance, tag) for tag in ("00081030", "0008103E", "00181030", "00400254")).replace("_", " ")
    regions = [_meaning(instance, tag) for tag in ("00082218", "00081032")]
    return _HEAD_WORDS.search(" ".join((words, *regions))) is not None


def shows_surface(instances: Sequence[Instance]) -> bool:
    """Whether voxels are fine enough, and cover enough, for a surface. Unknown geometry counts as fine enough."""
    first = instances[0]
    pixel = max(_numbers(first, "00280030"), default=0.0)
    size = max(_numbers(first, "00280010") + _numbers(first, "00280011"), default=0.0)
    if pixel > _COARSEST_IN_PLANE or (pixel and not _FIELD_OF_VIEW[0] <= pixel * size <= _FIELD_OF_VIEW[1]):
        return False
    places = sorted({place for each in instances if (place := place_of(each)) is not None})
    if len(places) < 2:
        frames = max(_numbers(first, "00280008"), default=1.0)
        step = max(_numbers(first, "00180088") + _numbers(first, "00180050"), default=0.0)
        return frames > 1 and step <= _COARSEST_SLICES and (not step or frames * step >= _LEAST_COVERED)
    steps = sorted(after - before for before, after in pairwise(places) if after - before > 1e-3)
    if not steps:
        return False
    return steps[len(steps) // 2] <= _COARSEST_SLICES and places[-1] - places[0] >= _LEAST_COVERED


def place_of(instance: Instance) -> float | None:
    """Where a slice stands along its normal. PS3.3 C.7.6.2.1.1."""
    position, directions = _numbers(instance, "00200032"), _numbers(instance, "00200037")
    if len(position) != 3 or len(directions) != 6:
        return None
    (a, b, c, d, e, f), (x, y, z) = directions, position
    return round((b * f - c * e) * x + (c * d - a * f) * y + (a * e - b * d) * z, 3)


def _values(instance: Instance, tag: str) -> list[str]:
    found = cast("list[object]", instance.get(tag, {}).get("Value", []))
    return [str(value) for value in found]


def _text(instance: Instance, tag: str) -> str:
    return next(iter(_values(instance, tag)), "")


def _numbers(instance: Instance, tag: str) -> list[float]:
    out = []
    for value in _values(instance, tag):
        try:
            out.append(float(value))
        except ValueError:
            continue
    return out


def _meaning(instance: Instance, tag: str) -> str:
    """The code meanings of a sequence's items."""
    items = cast("list[Instance]", instance.get(tag, {}).get("Value", []))
    return " ".join(_text(item, "00080104") for item in items if isinstance(item, dict))
