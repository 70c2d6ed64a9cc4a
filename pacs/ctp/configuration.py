"""A configuration file of RSNA CTP: elements with their attributes and lines, whatever they are. XML of outsiders."""

from dataclasses import dataclass, field
from xml.parsers import expat

from pacs.errors import BadRequest

MAX_BYTES = 8 << 20
_MOST_DEEP = 32
_MOST_ELEMENTS = 20_000


@dataclass(slots=True)
class Part:
    """An element of the file. `kind` is the last part of its class' name, else its own name."""

    name: str
    attributes: dict[str, str] = field(repr=False)
    line: int
    parts: list["Part"] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What decides about a stage: its class, as ``HttpImportService``."""
        return self.attributes.get("class", self.name).rpartition(".")[2]

    def on(self, name: str) -> bool:
        """Whether an attribute says yes."""
        return self.attributes.get(name, "").strip().lower() == "yes"

    def has(self, name: str) -> str:
        """An attribute without blanks around it; "" when it is absent."""
        return self.attributes.get(name, "").strip()


def read_configuration(content: bytes, name: str = "config.xml") -> Part:
    """The element ``Configuration``. Raises `BadRequest` with the line: entities, other XML, too much of it."""
    if len(content) > MAX_BYTES:
        raise BadRequest(f"{name}: a configuration has at most {MAX_BYTES >> 20} MB")
    return _Reader(name).read(content)


class _Reader:
    def __init__(self, name: str) -> None:
        self.name = name
        self.parser = expat.ParserCreate()
        self.open: list[Part] = []
        self.root: Part | None = None
        self.count = 0

    def read(self, content: bytes) -> Part:
        parser = self.parser
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.StartDoctypeDeclHandler = self.refuse_doctype
        parser.EntityDeclHandler = self.refuse_doctype
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            what = expat.errors.messages.get(error.code, "it cannot be read")
            raise BadRequest(f"{self.name}, line {error.lineno}: no well-formed XML: {what}") from None
        except (LookupError, ValueError):  # an encoding that nobody knows
            raise BadRequest(f"{self.name}: its encoding cannot be read") from None
        assert self.root is not None
        return self.root

    def fault(self, what: str) -> BadRequest:
        return BadRequest(f"{self.name}, line {self.parser.CurrentLineNumber}: {what}")

    def refuse_doctype(self, *_declaration: object) -> None:
        raise self.fault("a configuration declares no document type and no entities")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if len(self.open) >= _MOST_DEEP or self.count > _MOST_ELEMENTS:
            raise self.fault("there are too many elements, or too deep within each other")
        part = Part(tag, attributes, self.parser.CurrentLineNumber)
        if self.open:
            self.open[-1].parts.append(part)
        elif tag != "Configuration":
            raise self.fault("the root of a configuration is <Configuration>")
        else:
            self.root = part
        self.open.append(part)

    def end(self, _tag: str) -> None:
        self.open.pop()
