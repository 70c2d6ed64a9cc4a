"""Compound codes by the attribute's type in the object's IOD."""

import pytest

from pacs.deid.actions import Action, resolve, type_of

CT, PET, ENHANCED_MR = (f"1.2.840.10008.5.1.4.1.1.{n}" for n in ("2", "128", "4.1"))


@pytest.mark.parametrize(
    ("code", "kind", "action"),
    [
        ("X/D", "1", Action.DUMMY),
        ("X/D", "2", Action.DUMMY),
        ("X/D", "3", Action.REMOVE),
        ("X/Z", "1C", Action.DUMMY),
        ("X/Z", "2", Action.EMPTY),
        ("X/Z", "3", Action.REMOVE),
        ("Z/D", "1", Action.DUMMY),
        ("Z/D", "2", Action.EMPTY),
        ("Z/D", "3", Action.EMPTY),
        ("X/Z/D", "1", Action.DUMMY),
        ("X/Z/D", "2C", Action.EMPTY),
        ("X/Z/D", "3", Action.REMOVE),
        ("X/D", None, Action.DUMMY),
        ("X/Z", None, Action.EMPTY),
        ("Z/D", None, Action.DUMMY),
    ],
)
def test_type_settles_the_code(code, kind, action):
    assert resolve(code, kind) is action


@pytest.mark.parametrize(
    ("sop_class", "path", "kind"),
    [
        (PET, "00080021", "1"),  # Series Date: PET Series module
        (CT, "00080021", "3"),
        (CT, "00080022", "3"),  # Acquisition Date
        (PET, "00080022", "2"),
        (ENHANCED_MR, "00181000", "1"),  # Device Serial Number: Enhanced General Equipment
        (CT, "00181000", "3"),
        (CT, "00080023", "2C"),  # Content Date
        ("1.2.3", "00080023", None),
        (CT, "00400555", "3"),
        (CT, "00091010.00080021", "3"),
    ],
)
def test_type_is_the_iods(sop_class, path, kind):
    assert type_of(sop_class, path) == kind


def test_nearest_parent_decides_below_known_paths():
    deep = "00081115.00081115.0040A730.0040A730.0040A032"
    assert type_of("1.2.840.10008.5.1.4.1.1.88.33", deep) == type_of(
        "1.2.840.10008.5.1.4.1.1.88.33", "0040A730.0040A032"
    )
