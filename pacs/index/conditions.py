"""One condition on one attribute as SQL. PS3.4 C.2.2.2."""

import re
from collections.abc import Callable, Sequence

from pacs.errors import BadQuery
from pacs.index.attributes import TABLE_OF, Attribute, Kind
from pacs.index.matching import folded, folded_pattern, name_groups, pattern_groups, words_of
from pacs.index.sql import NEVER, Dialect, Sql, joined, one_of
from pacs.query import AnyOf, Condition, Empty, Exact, Range, Wildcard

# Times as 13 characters and date times as 21, so that short forms compare: 10 is 100000.000000. PS3.5 6.2.
TIME_ENDS = ("000000.000000", "235959.999999")
DATETIME_ENDS = ("00010101000000.000000", "99991231235959.999999")
_DATE = re.compile(r"\d{8}")
MOST_VALUES = 200
"""In a list of names or of values of lists; each becomes a term, and SQLite nests them no deeper than 1000."""
MOST_EXACT = 10_000
"""In a list of UIDs, codes or numbers; each is a parameter, of which SQLite takes 32,766 in a statement."""
_TIME = re.compile(r"(\d{2}|\d{4}|\d{6}(\.\d{1,6})?)")
_DATETIME = re.compile(r"\d{4}(\d{2}){0,5}(\.\d{1,6})?([+-]\d{4})?")


def condition_sql(attribute: Attribute, condition: Condition, dialect: Dialect, *, fuzzy: bool) -> Sql | None:
    """The condition on a row of the attribute's own table; None when it does not restrict.

    Raises BadQuery when the condition does not fit the attribute's VR; the message names the keyword, not the value.
    """
    if isinstance(condition, AnyOf):
        return any_of_sql(condition, lambda each: condition_sql(attribute, each, dialect, fuzzy=fuzzy))
    if isinstance(condition, Wildcard) and not condition.pattern.strip("* "):
        return None
    if isinstance(condition, Wildcard) and not set("*?") & set(condition.pattern):
        condition = Exact((condition.pattern,))
    if isinstance(condition, Range) and attribute.kind not in _RANGES:
        raise BadQuery(f"{attribute.keyword} takes no range")
    if isinstance(condition, Range) and not (condition.low or condition.high):
        return None
    check_values(attribute, condition, MOST_VALUES if attribute.kind in (Kind.NAME, Kind.LIST) else MOST_EXACT)
    if fuzzy and attribute.kind is Kind.NAME and isinstance(condition, Exact):
        return joined("OR", [_fuzzy_name(attribute, value, dialect) for value in condition.values])
    return _BY_KIND[attribute.kind](attribute, condition, dialect)


def any_of_sql(condition: AnyOf, sql_of: Callable[[Condition], Sql | None]) -> Sql | None:
    """One of several conditions; None when one of them does not restrict. Raises `BadQuery` for too many."""
    check_patterns(condition)
    arms = [sql_of(each) for each in condition.conditions]
    restricting = [arm for arm in arms if arm is not None]
    return joined("OR", restricting) if len(restricting) == len(arms) else None


def check_patterns(condition: AnyOf) -> None:
    """Raise `BadQuery` for a list of more patterns and ranges than are matched."""
    if len(condition.conditions) > MOST_VALUES:
        raise BadQuery(f"a list of patterns and ranges has at most {MOST_VALUES}")


def check_values(attribute: Attribute, condition: Condition, most: int = MOST_VALUES) -> None:
    """Raise `BadQuery` for a list of more than `most` values."""
    if isinstance(condition, Exact) and len(condition.values) > most:
        raise BadQuery(f"{attribute.keyword} takes at most {most} values")


def _column(attribute: Attribute) -> str:
    return f"{TABLE_OF[attribute.level]}.{attribute.column}"


def _no_wildcard(attribute: Attribute) -> BadQuery:
    return BadQuery(f"{attribute.keyword} takes no wildcard")


def _uid(attribute: Attribute, condition: Condition, _dialect: Dialect) -> Sql:
    column = _column(attribute)
    match condition:
        case Exact(values):
            return one_of(column, [value.strip(" \0") for value in values])
        case Empty():
            return Sql(f"{column} = ''")
        case _:
            raise _no_wildcard(attribute)


def _code(attribute: Attribute, condition: Condition, dialect: Dialect) -> Sql:
    column = _column(attribute)
    match condition:
        case Exact(values):
            return one_of(column, [_plain(value) for value in values])
        case Wildcard(pattern):
            return dialect.like(column, _plain(pattern))
        case _:
            return Sql(f"{column} = ''")


def _plain(value: str) -> str:
    return value.replace("\0", "").strip()


def _text(attribute: Attribute, condition: Condition, dialect: Dialect) -> Sql:
    column = f"{TABLE_OF[attribute.level]}.{attribute.match_column}"
    match condition:
        case Exact(values):
            return one_of(column, [folded(value) for value in values])
        case Wildcard(pattern):
            return dialect.wildcard(TABLE_OF[attribute.level], attribute.match_column, folded_pattern(pattern))
        case _:
            return Sql(f"{column} = ''")


def _name(attribute: Attribute, condition: Condition, dialect: Dialect) -> Sql:
    match condition:
        case Exact(values):
            return joined("OR", [_exact_name(attribute, value, dialect) for value in values])
        case Wildcard(pattern):
            groups = pattern_groups(folded_pattern(pattern))
            if len(groups) > 1:
                return _groups_in_order(attribute, groups, dialect)
            return _any_group(attribute, groups, f"*={groups[0]}=*", dialect)
        case _:
            return Sql(f"({_column(attribute)} = '')")


def _groups_in_order(attribute: Attribute, patterns: Sequence[str], dialect: Dialect) -> Sql:
    first = patterns[:1] if set(patterns[1:]) == {"*"} else []  # of names with one group, too
    return _any_group(attribute, first, f"={'='.join(patterns)}=*", dialect)


def _exact_name(attribute: Attribute, value: str, dialect: Dialect) -> Sql:
    """One group equals any of the name's; several are held against them in their order, empty ones fit all."""
    groups = name_groups(value)
    if not any(groups):
        return Sql(f"{_column(attribute)} = ''")
    if len(groups) > 1:
        return _groups_in_order(attribute, [each or "*" for each in groups], dialect)
    safe = groups[0].replace("*", "?")  # a literal star cannot come here: it would have been a wildcard
    return _any_group(attribute, [], f"*={safe}=*", dialect, exact=groups[0])


def _any_group(
    attribute: Attribute, patterns: Sequence[str], in_groups: str, dialect: Dialect, *, exact: str | None = None
) -> Sql:
    """The first group fits one of `patterns` (or is `exact`), or all groups as ``=a=b=`` fit `in_groups`.

    Names with several groups are few and have a partial index of their own, so each half has its plan.
    """
    table, column = TABLE_OF[attribute.level], attribute.match_column
    halves = [dialect.wildcard(table, column, pattern) for pattern in patterns]
    if exact is not None:
        halves.append(one_of(f"{table}.{column}", [exact]))
    groups = f"{table}.{attribute.column}_groups"
    other = dialect.like(groups, in_groups)
    halves.append(Sql(f"({groups} IS NOT NULL AND {other.text})", other.values))
    arms = " UNION ALL ".join(f"SELECT {table}.id FROM {table} WHERE {half.text}" for half in halves)
    return Sql(f"{table}.id IN ({arms})", tuple(value for half in halves for value in half.values))


def _fuzzy_name(attribute: Attribute, value: str, dialect: Dialect) -> Sql:
    """Every word asked for begins a word of the name. PS3.18 8.3.4.2 leaves the rest to the server."""
    terms = []
    for word in words_of(value):
        word_starts = [f"{word}*", *(f"*{mark}{word}*" for mark in "^ -")]
        terms.append(
            joined(
                "OR",
                [_any_group(attribute, word_starts, f"*={word}*", dialect), *_later_words(attribute, word, dialect)],
            )
        )
    return joined("AND", terms) if terms else Sql(f"{_column(attribute)} = ''")


def _later_words(attribute: Attribute, word: str, dialect: Dialect) -> list[Sql]:
    table = TABLE_OF[attribute.level]
    groups = f"{table}.{attribute.column}_groups"
    likes = [dialect.like(groups, f"*{mark}{word}*") for mark in "^ -"]
    arms = joined("OR", likes)
    inner = f"SELECT {table}.id FROM {table} WHERE {groups} IS NOT NULL AND {arms.text}"
    return [Sql(f"{table}.id IN ({inner})", arms.values)]


def _date(attribute: Attribute, condition: Condition, _dialect: Dialect) -> Sql:
    column = _column(attribute)
    match condition:
        case Exact(values):
            return one_of(column, [date_value(attribute, value) for value in values])
        case Range(low, high):
            first = date_value(attribute, low) if low else "00000000"
            last = date_value(attribute, high) if high else "99999999"
            return Sql(f"{column} BETWEEN ? AND ?", (first, last))
        case Empty():
            return Sql(f"{column} = ''")
        case _:
            raise _no_wildcard(attribute)


def date_value(attribute: Attribute, value: str) -> str:
    """``YYYYMMDD``; the dotted form of ACR-NEMA is understood. PS3.5 6.2."""
    text = value.strip().replace(".", "")
    if not _DATE.fullmatch(text):
        raise BadQuery(f"{attribute.keyword} takes dates as YYYYMMDD")
    return text


def padded(value: str, model: str) -> str:
    """A short form filled up from a whole one."""
    return value + model[len(value) :]


def _time(attribute: Attribute, condition: Condition, _dialect: Dialect) -> Sql:
    return _moments(attribute, _column(attribute), condition, time_value, TIME_ENDS)


def time_value(attribute: Attribute, value: str) -> str:
    """A time, or its beginning, without colons. Raises `BadQuery`. PS3.5 6.2."""
    text = value.strip().replace(":", "")
    if not _TIME.fullmatch(text):
        raise BadQuery(f"{attribute.keyword} takes times as HHMMSS.FFFFFF or a shorter form")
    return text


def _datetime(attribute: Attribute, condition: Condition, _dialect: Dialect) -> Sql:
    """As the clock showed; a key with a zone is held against data sets, not against this column."""
    column = _column(attribute)
    has_zone = f"substr({column}, length({column}) - 4, 1) IN ('+', '-')"
    local = f"(CASE WHEN {has_zone} THEN substr({column}, 1, length({column}) - 5) ELSE {column} END)"
    return _moments(attribute, local, condition, datetime_value, DATETIME_ENDS)


def datetime_value(attribute: Attribute, value: str) -> str:
    """A date time, or its beginning, without its zone. Raises `BadQuery`. PS3.5 6.2."""
    text = value.strip()
    if not _DATETIME.fullmatch(text):
        raise BadQuery(f"{attribute.keyword} takes date times as YYYYMMDDHHMMSS.FFFFFF or a shorter form")
    return re.split(r"[+-]", text)[0]


def _moments(
    attribute: Attribute,
    column: str,
    condition: Condition,
    value_of: Callable[[Attribute, str], str],
    ends: tuple[str, str],
) -> Sql:
    """`column`: the attribute's own, or what it says without a zone. `ends`: the first and last moments of all."""
    zeros, nines = ends
    size = len(zeros)
    whole = f"substr({column} || substr('{zeros}', length({column}) + 1), 1, {size})"
    match condition:
        case Exact(values):
            return Sql(
                f"({column} <> '' AND {one_of(whole, values).text})",
                tuple(padded(value_of(attribute, value), zeros) for value in values),
            )
        case Range(low, high):
            first = padded(value_of(attribute, low), zeros) if low else "0"
            last = padded(value_of(attribute, high), nines) if high else "9~"
            return Sql(f"({column} <> '' AND {whole} BETWEEN ? AND ?)", (first, last))
        case Empty():
            return Sql(f"{column} = ''")
        case _:
            raise _no_wildcard(attribute)


def moment_sql(day: Attribute, days: Range, clock: Attribute, times: Range, dialect: Dialect) -> Sql:
    """A date and a time of one table as one moment between two others. PS3.4 C.2.2.2.5.3; raises `BadQuery`."""
    dated = condition_sql(day, days, dialect, fuzzy=False)
    timed = condition_sql(clock, times, dialect, fuzzy=False)
    if dated is None or timed is None:
        return dated or timed or Sql("1 = 1")
    column = _column(clock)
    moment = f"({_column(day)} || substr({column} || substr('{TIME_ENDS[0]}', length({column}) + 1), 1, 13))"
    first = dated.values[0], timed.values[0] if times.low else TIME_ENDS[0]
    last = dated.values[1], timed.values[1] if times.high else TIME_ENDS[1]
    ends = tuple(f"{date!s}{time!s}" for date, time in (first, last))
    return joined("AND", [dated, Sql(f"{moment} BETWEEN ? AND ?", ends)])


def _number(attribute: Attribute, condition: Condition, _dialect: Dialect) -> Sql:
    column = _column(attribute)
    match condition:
        case Exact(values):
            return one_of(column, _numbers(attribute, values))
        case Empty():
            return Sql(f"{column} IS NULL")
        case _:
            raise _no_wildcard(attribute)


def _numbers(attribute: Attribute, values: tuple[str, ...]) -> list[int]:
    try:
        return [number for value in values if abs(number := _whole(value)) < 2**31]
    except ValueError:
        raise BadQuery(f"{attribute.keyword} takes whole numbers") from None


def _whole(value: str) -> int:
    """The number of an IS value; `int` alone would take other scripts' digits and underscores too. PS3.5 6.2."""
    if not value.isascii() or "_" in value:
        raise ValueError
    return int(value)


def _list(attribute: Attribute, condition: Condition, dialect: Dialect) -> Sql:
    column = _column(attribute)
    whole = f"('\\' || {column} || '\\')"
    match condition:
        case Exact(values):
            return joined("OR", [_holds(whole, _plain(value), dialect) for value in values])
        case Wildcard(pattern):
            return dialect.like(whole, f"*\\{_plain(pattern)}\\*")
        case _:
            return Sql(f"{column} = ''")


def _holds(whole: str, value: str, dialect: Dialect) -> Sql:
    """A list that holds the value, which is taken literally."""
    function = "instr(?, ?) > 0" if dialect.sqlite else "strpos(?, ?) > 0"
    return Sql(function.replace("?", whole, 1), (f"\\{value}\\",))


def series_condition(attribute: Attribute, condition: Condition, dialect: Dialect) -> Sql:
    """ModalitiesInStudy and SOPClassesInStudy, said of a series of the study."""
    modality = attribute.column == "modalities"
    column = "series.modality" if modality else "series.sop_classes"
    if not modality:
        check_values(attribute, condition)
    match condition:
        case Exact(values) if modality:
            return one_of(column, [_plain(value) for value in values])
        case Exact(values):
            return joined("OR", [_holds(f"('\\' || {column} || '\\')", _plain(value), dialect) for value in values])
        case Wildcard(pattern) if modality:
            return dialect.like(column, _plain(pattern))
        case Empty():
            return Sql(f"{column} = ''")
        case _:
            raise _no_wildcard(attribute)


def _aggregate(attribute: Attribute, _condition: Condition, _dialect: Dialect) -> Sql:
    raise BadQuery(f"{attribute.keyword} is counted by the archive and cannot be matched")


_RANGES = (Kind.DATE, Kind.TIME, Kind.DATETIME)
_BY_KIND: dict[Kind, Callable[[Attribute, Condition, Dialect], Sql]] = {
    Kind.UID: _uid,
    Kind.CODE: _code,
    Kind.TEXT: _text,
    Kind.NAME: _name,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.DATETIME: _datetime,
    Kind.NUMBER: _number,
    Kind.LIST: _list,
    Kind.COUNT: _aggregate,
    Kind.OF_SERIES: _aggregate,
}

__all__ = ["NEVER", "condition_sql", "series_condition"]
