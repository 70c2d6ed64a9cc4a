"""What all tables share: the database they stand in, and times in UTC."""

from datetime import UTC, datetime

from peewee import AutoField, CharField, DatabaseProxy, Model

# One process serves one data directory; `pacs.db.connect` (and the tests) say which database this is.
database = DatabaseProxy()


def utc_text(value: datetime) -> str:
    """A system time as columns hold it. Raises ValueError for a time without a zone."""
    if value.tzinfo is None:
        raise ValueError("a system time needs its zone")
    return value.astimezone(UTC).isoformat(timespec="microseconds")


class UtcField(CharField):
    """A system time: an aware `datetime` in Python, ISO 8601 in UTC in the database: text order is time order."""

    def db_value(self, value: datetime | None) -> str | None:
        """ISO text with microseconds. Raises ValueError for a time without a zone."""
        return None if value is None else utc_text(value)

    def python_value(self, value: str | None) -> datetime | None:
        """An aware datetime in UTC."""
        return None if value is None else datetime.fromisoformat(value)


class Base(Model):
    """Every table of the product. Naming: singular, snake case."""

    id = AutoField()

    class Meta:
        database = database
        legacy_table_names = False
