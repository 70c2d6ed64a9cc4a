"""A seeded corpus with an answer key, and its scorer: proof that does not know how the product works.

`make_corpus` writes files and the key; `score` reads the outputs of any tool with pydicom and says, row by row, what
came out right. Nothing here imports `pacs`. people, texts: whose identity and how it is written; study, images,
reports, others: the objects; traps, hidden: what is planted; write: transfer syntaxes; checks, score: the judgement;
oracle: a right answer made from the key alone, which proves that the key can be met.
"""

from tests.deid.corpus.key import BENCHMARK, KINDS, Key, Row
from tests.deid.corpus.make import make_corpus
from tests.deid.corpus.score import Score, score, table

__all__ = ["BENCHMARK", "KINDS", "Key", "Row", "Score", "make_corpus", "score", "table"]
