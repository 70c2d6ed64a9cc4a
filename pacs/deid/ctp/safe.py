"""Expressions of CTP scripts within the project's own engine: what they say about one object. Mode `safe`."""

import re
from collections.abc import Mapping

from pacs.deid.ctp.expressions import Expression
from pacs.deid.ctp.functions import evaluate
from pacs.deid.ctp.outcomes import Kind, Outcome, outcome_of
from pacs.deid.ctp.patterns import TookTooLong
from pacs.deid.ctp.rules import Expressions
from pacs.deid.ctp.scope import Outside, Quarantined, Scope, shown_tag
from pacs.deid.profiles import Rule
from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import Encoding
from pacs.dicom.values import charset_of

_LONGEST_ID = 64


class ScriptedObject:
    """The expressions of a profile, asked about one object. Nothing of the object is changed."""

    def __init__(
        self,
        expressions: Expressions,
        rules: Mapping[int, Rule],
        source: DataSet,
        meta: DataSet,
        encoding: Encoding,
        outside: Outside,
    ) -> None:
        self.expressions = expressions
        self.rules = rules
        self.scope = Scope(
            source,
            source,
            meta,
            encoding,
            0,
            charset_of(source),
            expressions.params,
            outside,
            self.expression_of,
            strict=False,
        )

    def expression_of(self, tag: int) -> Expression | None:
        """The expression of a tag's rule, if it has one."""
        rule = self.rules.get(tag)
        return self.expressions.by_text.get(rule.value) if rule is not None and rule.code == "ctp" else None

    def says(self, rule: Rule, tag: int, vr: str, item: DataSet | None = None) -> Outcome:
        """What a rule makes of an element. Raises `Skipped`, `Quarantined` or `MissingKey`."""
        scope = self.scope.at(tag)
        if item is not None and item is not scope.root:
            scope = scope.within(item)
        try:
            return outcome_of(evaluate(self.expressions.by_text[rule.value], scope), vr)
        except TookTooLong as error:
            raise Quarantined(f"{error} in {rule.source}, for element {shown_tag(tag)}") from None
        except (re.error, ValueError, OverflowError, IndexError, RecursionError):
            raise Quarantined(f"the expression of {rule.source} failed") from None

    def value_of(self, tag: int, vr: str) -> str:
        """The value that the object's own rule gives an element; "" when there is no such rule, or it gives none."""
        rule = self.rules.get(tag)
        if rule is None or rule.code != "ctp":
            return ""
        outcome = self.says(rule, tag, vr)
        return outcome.value.strip()[:_LONGEST_ID] if outcome.kind is Kind.SET else ""
