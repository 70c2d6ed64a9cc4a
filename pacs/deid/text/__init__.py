"""Text of an object without what identifies, and with all else. PS3.15 E.3.5; the two strengths of the profiles.

`Evidence` gathers what identifies in an object (names in every spelling, ids, places, dates), once per object. `clean`
takes it out of a text, with a decision and a reason per token. FULL also removes every word that no vocabulary knows;
KNOWN removes own values and patterns only, so that a name typed into the wrong field costs a word, not the image.

Why (2026-11): evidence first, then forms, then the vocabulary, so that a word goes for the strongest reason and can be
explained by it. Objects of a series share what identifies, so it is prepared once and their texts are decided once.
No statistics or models: a curator must be able to see why a word went, and the same text must always clean alike.
"""

from pacs.deid.text.evidence import CleanedValue, Evidence
from pacs.deid.text.spans import Cleaned, Decision, Strength

__all__ = ["Cleaned", "CleanedValue", "Decision", "Evidence", "Strength"]
