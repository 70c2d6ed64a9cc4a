"""An anonymizer script in CTP's format, as large and as mixed as those that archives use: for measuring.

Which element gets which rule follows from its VR and number alone; what identifies in the bench's objects is hashed or
removed. It is no profile for real data.
"""

from collections.abc import Iterator
from itertools import islice
from xml.sax.saxutils import escape

from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR

RULES = 260
_DATES, _UIDS, _KEPT, _EMPTIED = 23, 25, 80, 8
_PARAMETERS = {"UIDROOT": "1.2.826.0.1.3680043.8.498.1", "DATEINC": "-731", "SITE": "001", "PROJECT": "BENCH"}
# What every object has, or what is always written.
_FIRST = {
    0x00080018: "@hashuid(@UIDROOT,this)",
    0x0020000D: "@hashuid(@UIDROOT,this)",
    0x0020000E: "@hashuid(@UIDROOT,this)",
    0x00200052: "@hashuid(@UIDROOT,this)",
    0x00081140: "@process()",
    0x00080050: "@hash(this,16)",
    0x00100010: "@hashname(this,6,2)",
    0x00100020: "@hashptid(@SITE,this,10)",
    0x00100030: "@empty()",
    0x00101010: "@round(this,5)",
    0x00181000: "@remove()",
    0x00200010: "@hash(this,8)",
    0x00400244: "@incrementdate(this,@DATEINC)",
    0x00120062: "@always()YES",
    0x00120063: "@always()@param(@PROJECT) by script",
    0x00120064: "113100/113105/113107/113108",
    0x00280303: "@always()MODIFIED",
    0x00081030: "@if(this,isblank){@remove()}{@truncate(this,32)}",
}
_GROUPS = (0x0008, 0x0010, 0x0032, 0x0038, 0x0040, 0x0018, 0x0020, 0x0028, 0x0054)


def script_of(rules: int = RULES) -> str:
    """A script of so many enabled rules."""
    made = dict(_FIRST)
    for tags, text, count in (
        (_of_vr("DA"), "@incrementdate(this,@DATEINC)", _DATES),
        (_of_vr("UI"), "@hashuid(@UIDROOT,this)", _UIDS),
        (_of_vr("DS", "IS", "US", "CS", "FD"), "@keep()", _KEPT),
        (_of_vr("TM"), "@empty()", _EMPTIED),
        (_of_vr("LO", "SH", "PN", "ST", "LT", "DT"), "@remove()", rules),
    ):
        fresh = (tag for tag in tags if tag not in made)
        made |= dict.fromkeys(islice(fresh, min(count, rules - len(made))), text)
    lines = [f'<p t="{name}">{value}</p>' for name, value in _PARAMETERS.items()]
    lines += [
        f'<e en="T" t="{tag:08X}" n="{dictionary_keyword(tag)}">{escape(text)}</e>'
        for tag, text in sorted(made.items())
    ]
    lines += ['<r en="T" t="overlays"/>', '<r en="T" t="curves"/>', '<r en="T" t="privategroups"/>']
    return "\n".join(["<script>", *lines, "</script>"])


def _of_vr(*vrs: str) -> Iterator[int]:
    """Elements of the groups that images have, in their order."""
    for group in _GROUPS:
        for low in range(0x10, 0x4000):
            tag = group << 16 | low
            if dictionary_has_tag(tag) and dictionary_VR(tag) in vrs and tag not in (0x00080016, 0x00080005):
                yield tag
