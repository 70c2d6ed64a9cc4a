"""A query and a scope as one SELECT. Visibility stands inside the statement, so invisible is the same as absent.

The statement reads rows of the level's own table, by age in the archive: so pages stay as they are while things are
added. Keys of other levels become ``id IN (SELECT ...)`` towards the parents or the children; columns of upper levels
are joined in by primary key. Both databases have a good plan for this shape at any size (`tests/index/test_plans.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pacs.errors import BadQuery
from pacs.index.attributes import ATTRIBUTES, PARENT_COLUMN, TABLE_OF, UNIQUE_KEYS, Attribute, Kind
from pacs.index.conditions import any_of_sql, condition_sql, moment_sql, series_condition
from pacs.index.sql import NEVER, Dialect, Sql, Value, joined, one_of
from pacs.model import Level, Scope
from pacs.query import AnyOf, Condition, Empty, Exact, Match, Query, Range, Wildcard

LEVELS = tuple(Level)
COMMON = 2000  # series that fit a key: from here on looking them all up costs more than trying studies
_MOST_MERGED = 20  # collections; each takes some time to plan
_FIRST_INSTANCE = "sop_class_uid, size_bytes, id"  # as the index on a series' instances has them


@dataclass(frozen=True, slots=True)
class Statement:
    """What to run: `names` are the columns' keywords, in order; `count` counts all matches.

    With metadata, two columns follow: the row's id, and the packed DICOM JSON of an instance of it.
    """

    text: str
    values: tuple[Value, ...]
    names: tuple[str, ...]
    count: str
    count_values: tuple[Value, ...]


def statement_for(
    query: Query,
    scope: Scope,
    dialect: Dialect,
    order: Sequence[int] = (),
    *,
    metadata: bool = False,
    common: frozenset[str] = frozenset(),
) -> Statement:
    """The SELECT for a query, whose keys are all columns. Raises BadQuery for a key that cannot be matched.

    `order` are collections that may hold the same studies, most wanted first: such a study is found in the first only.
    `common` are keys that so many series fit that a page is found soonest by trying one study after another.
    """
    builder = _Builder(query, scope, dialect, order)
    builder.common = common
    return builder.build(metadata=metadata)


def commonness(query: Query, dialect: Dialect) -> dict[str, Sql]:
    """For SQLite, which has no statistics: by key of a page's studies, a statement that counts series up to a bound."""
    if not dialect.sqlite or query.level is not Level.STUDY or query.limit is None:
        return {}
    found = {}
    for match in query.matches:
        attribute = ATTRIBUTES.get(match.keyword)
        if attribute is not None and attribute.kind is Kind.OF_SERIES and isinstance(match.condition, Exact):
            fits = series_condition(attribute, match.condition, dialect)
            text = f"SELECT count(*) FROM (SELECT 1 FROM series WHERE {fits.text} LIMIT {COMMON})"
            found[match.keyword] = Sql(text, fits.values)
    return found


def metadata_below(query: Query, scope: Scope, dialect: Dialect, deepest: Level) -> Sql:
    """Packed DICOM JSON of what is visible below one row of the query, whose id is the last parameter, not given.

    `deepest` says of what: of all instances, or of one instance of each series or study. They fit the query's keys.
    """
    return _Builder(query, scope, dialect, ()).below(deepest)


def visible_series(scope: Scope, dialect: Dialect, *, indexed: bool = False) -> Sql:
    """A row of ``series`` that the scope sees."""
    column = "series.collection_id" if indexed else dialect.unindexed("series.collection_id")
    arms = []
    if scope.everything:
        arms.append(one_of(column, sorted(scope.everything)))
    if scope.released:
        part = one_of(column, sorted(scope.released))
        arms.append(Sql(f"({part.text} AND series.released)", part.values))
    return joined("OR", arms) if arms else NEVER


class _Builder:
    def __init__(self, query: Query, scope: Scope, dialect: Dialect, order: Sequence[int]) -> None:
        self.query, self.scope, self.dialect = query, scope, dialect
        self.common: frozenset[str] = frozenset()  # keys that most studies fit, so that a page is soon found
        visible = scope.everything | scope.released
        self.sharing = [number for number in order if number in visible]
        self.matches: dict[Level, list[tuple[Attribute, Match]]] = {level: [] for level in LEVELS}
        for match in query.matches:
            attribute = ATTRIBUTES.get(match.keyword)
            if attribute is None:
                raise BadQuery(f"{match.keyword} is no key that can be matched")
            self.matches[attribute.level].append((attribute, match))

    def build(self, *, metadata: bool) -> Statement:
        level = self.query.level
        table = TABLE_OF[level]
        wanted = self.wanted()
        restricted = [*self.own(level), *self.upper(level), *self.lower(level)]
        where = joined("AND", [*restricted, *self.visible(level, indexed=not restricted), *self.only_first(level)])
        count = self.count(level, where)
        columns = ", ".join(self.column(attribute) for attribute in wanted)
        extra = self.metadata(level) if metadata else Sql("")
        if metadata:
            columns += f", {table}.id, {extra.text}"
        source = self.source(level, wanted)
        if not restricted and self.dialect.sqlite and len(self.scope.everything | self.scope.released) > 1:
            source, where = self.merged(level, source)
            text = f"SELECT {columns} FROM {source} WHERE {where.text}"
        else:
            text = f"SELECT {columns} FROM {source} WHERE {where.text} ORDER BY {table}.id{self.limit()}"
        return Statement(
            self.dialect.finished(text),
            (*extra.values, *where.values),
            tuple(attribute.keyword for attribute in wanted),
            self.dialect.finished(count.text),
            count.values,
        )

    def merged(self, level: Level, source: str) -> tuple[str, Sql]:
        """For SQLite, which has no statistics: a page of all rows, read from several collections' indexes at once.

        Where there are many, the table is read by age: a page of what most rows belong to is soon full.
        """
        table = TABLE_OF[level]
        scopes = [Scope(everything=frozenset((number,))) for number in sorted(self.scope.everything)]
        scopes += [Scope(released=frozenset((number,))) for number in sorted(self.scope.released)]
        indexed = len(scopes) <= _MOST_MERGED
        arms = []
        for scope in scopes if indexed else [self.scope]:
            visible = _Builder(self.query, scope, self.dialect, ()).visible(level, indexed=indexed)
            where = joined("AND", [*visible, *self.only_first(level)])
            arms.append(Sql(f"SELECT {table}.id FROM {self.source(level, ())} WHERE {where.text}", where.values))
        ids = " UNION ALL ".join(arm.text for arm in arms)
        values = tuple(value for arm in arms for value in arm.values)
        # With a limit, SQLite runs it as it stands, and the rows keep its order.
        page = f"({ids} ORDER BY 1{self.limit() or ' LIMIT -1'}) AS page"
        return f"{page} {self.dialect.join} {source}", Sql(f"{table}.id = page.id", values)

    def count(self, level: Level, where: Sql) -> Sql:
        """Counts matches. Instances without a key of their own are counted by what their series say."""
        if level is not Level.INSTANCE or self.matches[Level.INSTANCE]:
            return Sql(f"SELECT count(*) FROM {self.source(level, ())} WHERE {where.text}", where.values)
        level = Level.SERIES
        restricted = [*self.own(level), *self.upper(level)]
        visible = self.visible(level, indexed=not restricted)
        of_series = joined("AND", [*restricted, *visible, *self.only_first(level)])
        total = "coalesce(sum(series.instance_count), 0)"
        return Sql(f"SELECT {total} FROM {self.source(level, ())} WHERE {of_series.text}", of_series.values)

    def metadata(self, level: Level) -> Sql:
        """The JSON of a row's first instance that the caller sees; each step is one look into an index."""
        if level is Level.INSTANCE:
            return Sql("(SELECT json FROM instance_metadata WHERE instance_id = instance.id)")
        series, seen = "series.id", Sql("")
        if level is not Level.SERIES:
            seen = visible_series(self.scope, self.dialect)
            above = "study_id = study.id"
            if level is Level.PATIENT:
                above = "study_id IN (SELECT study.id FROM study WHERE study.patient_id = patient.id)"
            series = f"(SELECT id FROM series WHERE {above} AND {seen.text} ORDER BY id LIMIT 1)"
        instance = f"(SELECT id FROM instance WHERE series_id = {series} ORDER BY {_FIRST_INSTANCE} LIMIT 1)"
        return Sql(f"(SELECT json FROM instance_metadata WHERE instance_id = {instance})", seen.values)

    def below(self, deepest: Level) -> Sql:
        level = self.query.level
        first, *others = LEVELS[level.depth + 1 : deepest.depth + 1]
        source = TABLE_OF[first]
        for each in others:
            up, table = TABLE_OF[LEVELS[each.depth - 1]], TABLE_OF[each]
            source += f" {self.dialect.join} {table} ON {table}.{PARENT_COLUMN[each]} = {up}.id"
        conditions = [condition for each in (first, *others) for condition in self.own(each)] + self.lower(deepest)
        if Level.SERIES in (first, *others):
            conditions.append(visible_series(self.scope, self.dialect))
        where = joined("AND", [*conditions, Sql(f"{TABLE_OF[first]}.{PARENT_COLUMN[first]} = ?")])
        json = self.metadata(deepest)
        text = f"SELECT {json.text} FROM {source} WHERE {where.text}"
        return Sql(self.dialect.finished(text), (*json.values, *where.values))

    def limit(self) -> str:
        limit, offset = self.query.limit, self.query.offset
        if limit is None and not offset:
            return ""
        if limit is None:
            return f" LIMIT {-1 if self.dialect.sqlite else 'ALL'} OFFSET {int(offset)}"
        return f" LIMIT {int(limit)} OFFSET {int(offset)}"

    def wanted(self) -> list[Attribute]:
        """The level's unique key, those above it, and what was asked for of these levels."""
        depth = self.query.level.depth
        names = [UNIQUE_KEYS[level] for level in LEVELS[: depth + 1]]
        names += sorted(name for name in self.query.returned if name not in names)
        known = [ATTRIBUTES[name] for name in names if name in ATTRIBUTES]
        return [attribute for attribute in known if attribute.level.depth <= depth]

    def source(self, level: Level, wanted: "list[Attribute] | tuple[()]") -> str:
        """The level's table and the tables above it that columns or visibility need."""
        needed = {attribute.level.depth for attribute in wanted}
        if level is Level.INSTANCE:
            needed.add(Level.SERIES.depth)
        if self.sharing[1:] and level is not Level.PATIENT:
            needed.add(Level.STUDY.depth)
        text = TABLE_OF[level]
        for child in reversed(LEVELS[1 : level.depth + 1]):
            parent = LEVELS[child.depth - 1]
            if min(needed, default=level.depth) > parent.depth:
                break
            up = TABLE_OF[parent]
            text += f" {self.dialect.join} {up} ON {up}.id = {TABLE_OF[child]}.{PARENT_COLUMN[child]}"
        return text

    def column(self, attribute: Attribute) -> str:
        table = TABLE_OF[attribute.level]
        if attribute.kind not in (Kind.COUNT, Kind.OF_SERIES):
            return f"{table}.{attribute.column}"
        return self.by_scope(table, attribute.column)

    def by_scope(self, table: str, column: str) -> str:
        """The aggregate of what the caller sees: of everything, or of what is released."""
        if not self.scope.released:
            return f"{table}.{column}"
        if not self.scope.everything:
            return f"{table}.released_{column}"
        numbers = ", ".join(str(int(number)) for number in sorted(self.scope.everything))
        return (
            f"CASE WHEN {table}.collection_id IN ({numbers}) THEN {table}.{column} ELSE {table}.released_{column} END"
        )

    def visible(self, level: Level, *, indexed: bool) -> list[Sql]:
        """Which rows of a table the caller sees at all."""
        if level in (Level.SERIES, Level.INSTANCE):
            visible = visible_series(self.scope, self.dialect, indexed=indexed and level is Level.SERIES)
            own = self.collections("instance", indexed=indexed) if level is Level.INSTANCE else []
            return [*own, visible]
        table = TABLE_OF[level]
        return [*self.collections(table, indexed=indexed), Sql(f"{self.by_scope(table, 'series_count')} > 0")]

    def only_first(self, level: Level) -> list[Sql]:
        """Not a study that a collection before this one shows too."""
        if level is Level.PATIENT or not self.sharing[1:]:
            return []
        ranks = " ".join(f"WHEN {int(number)} THEN {rank}" for rank, number in enumerate(self.sharing))
        rank = f"CASE {{}}.collection_id {ranks} ELSE {len(self.sharing)} END"
        seen = self.by_scope("other", "series_count")
        inner = (
            "SELECT 1 FROM study AS other WHERE other.study_uid = study.study_uid"
            f" AND {rank.format('other')} < {rank.format('study')} AND {seen} > 0"
        )
        numbers = self.collections("other", indexed=False)[0]
        return [Sql(f"NOT EXISTS ({inner} AND {numbers.text})", numbers.values)]

    def collections(self, table: str, *, indexed: bool) -> list[Sql]:
        column = f"{table}.collection_id"
        numbers = sorted(self.scope.everything | self.scope.released)
        return [one_of(column if indexed else self.dialect.unindexed(column), numbers)]

    def own(self, level: Level) -> list[Sql]:
        """The conditions on the level's own columns."""
        found, matches = self.moments(level)
        for attribute, match in matches:
            if attribute.kind is Kind.OF_SERIES:
                found += self.of_series(attribute, match)
                continue
            condition = condition_sql(attribute, match.condition, self.dialect, fuzzy=self.query.fuzzy)
            if condition is not None:
                found.append(condition)
        return found

    def moments(self, level: Level) -> tuple[list[Sql], list[tuple[Attribute, Match]]]:
        """Where dates and times are combined, the conditions on such pairs; and the matches that are left."""
        left = list(self.matches[level])
        found: list[Sql] = []
        ranges = {a.keyword: (a, m) for a, m in left if isinstance(m.condition, Range)} if self.query.combined else {}
        for keyword, (day, days) in ranges.items():
            clock, times = ranges.get(f"{keyword.removesuffix('Date')}Time", (day, days))
            if clock is day or not isinstance(days.condition, Range) or not isinstance(times.condition, Range):
                continue
            found.append(moment_sql(day, days.condition, clock, times.condition, self.dialect))
            left = [(attribute, match) for attribute, match in left if attribute not in (day, clock)]
        return found, left

    def of_series(self, attribute: Attribute, match: Match) -> list[Sql]:
        condition = match.condition
        if isinstance(condition, AnyOf):
            return self.of_series_any(attribute, condition)
        if isinstance(condition, Wildcard):
            if not condition.pattern.strip("* "):
                return []
            if not set("*?") & set(condition.pattern):
                condition = Exact((condition.pattern,))
        if isinstance(condition, Empty):
            return [Sql(f"{self.by_scope('study', attribute.column)} = ''")]
        series = series_condition(attribute, condition, self.dialect)
        where = joined("AND", [series, visible_series(self.scope, self.dialect)])
        if attribute.keyword in self.common:
            return [
                Sql(f"EXISTS (SELECT 1 FROM series WHERE series.study_id = study.id AND {where.text})", where.values)
            ]
        return [Sql(f"study.id IN (SELECT series.study_id FROM series WHERE {where.text})", where.values)]

    def of_series_any(self, attribute: Attribute, condition: AnyOf) -> list[Sql]:
        def of_one(each: Condition) -> Sql | None:
            found = self.of_series(attribute, Match(attribute.keyword, each))
            return found[0] if found else None

        arm = any_of_sql(condition, of_one)
        return [arm] if arm is not None else []

    def upper(self, level: Level) -> list[Sql]:
        """Conditions on the levels above, as membership of the parent."""
        if level is Level.PATIENT:
            return []
        parent = LEVELS[level.depth - 1]
        conditions = [*self.own(parent), *self.upper(parent)]
        if not conditions:
            return []
        table, up = TABLE_OF[level], TABLE_OF[parent]
        where = joined("AND", conditions)
        inner = f"SELECT {up}.id FROM {up} WHERE {where.text}"
        return [Sql(f"{table}.{PARENT_COLUMN[level]} IN ({inner})", where.values)]

    def lower(self, level: Level) -> list[Sql]:
        """Conditions on the levels below: some visible child fits them all."""
        if level is Level.INSTANCE:
            return []
        child = LEVELS[level.depth + 1]
        conditions = [*self.own(child), *self.lower(child)]
        if not conditions:
            return []
        if child is not Level.INSTANCE:  # an instance is seen when its series is
            conditions += self.visible(child, indexed=False)
        table, down = TABLE_OF[level], TABLE_OF[child]
        where = joined("AND", conditions)
        inner = f"SELECT {down}.{PARENT_COLUMN[child]} FROM {down} WHERE {where.text}"
        return [Sql(f"{table}.id IN ({inner})", where.values)]
