"""The documents say what is there, all of it, and nothing that is not."""

import configparser
import importlib
import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pacs import errors
from pacs.app import App
from pacs.cli.main import COMMANDS
from pacs.config import SECTIONS, Settings
from pacs.dicomweb import problems
from pacs.dimse import status
from pacs.wsgi import create_app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
TEXT = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
REFERENCE = TEXT["docs/reference.md"]
SETTINGS = tomllib.loads((ROOT / "config" / "pacs.toml").read_text(encoding="utf-8"))
ERRORS = [kind for _name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.PacsError)]


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command line and its command."""
    for name, module in COMMANDS.items():
        command = importlib.import_module(f"pacs.cli.{module}").command
        if isinstance(command, click.Group):
            yield from ((f"pacs {name} {sub}", each) for sub, each in command.commands.items())
        else:
            yield f"pacs {name}", command


KNOWN = dict(commands())


@pytest.mark.parametrize("name", KNOWN)
def test_every_command_is_in_reference(name: str):
    assert f"| `{name}` |" in REFERENCE


@pytest.mark.parametrize("name", [f"{section}.{key}" for section in SECTIONS for key in SETTINGS[section]])
def test_every_setting_is_in_operators_page(name: str):
    row = re.search(rf"^\| `{re.escape(name)}` \| (.+?) \|", TEXT["docs/operator.md"], re.MULTILINE)
    assert row is not None
    section, key = name.split(".")
    assert _shown(SETTINGS[section][key]) == row[1]


def _shown(value: object) -> str:
    """A default as the page writes it."""
    if value == "":
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value >= 1024**3:
        return f"{value // 1024**3} GiB"
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_settings_file_has_every_setting_with_its_default():
    for section in SECTIONS:
        own = getattr(Settings(), section)
        names = own.__dataclass_fields__
        assert SETTINGS[section] == {name: getattr(own, name) for name in names}


def test_every_address_is_in_reference(app: App):
    rules = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) for rule in create_app(app).url_map.iter_rules()}
    documented = set(re.findall(r"^\| `(/[^`]*)` \|", REFERENCE, re.MULTILINE))
    assert documented == rules


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_is_in_reference_with_its_codes(kind: type[errors.PacsError]):
    row = re.search(rf"^\| `{kind.__name__}` \| .+ \| (\S+) \| (\S+) \|$", REFERENCE, re.MULTILINE)
    assert row is not None
    assert row.groups() == (f"{status.STATUS_OF[kind]:04X}H", str(problems.STATUS_OF[kind]))


def test_every_dependency_has_its_reason():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    options = parser["options"]["install_requires"].split("\n")
    options += [line for extra in parser["options.extras_require"].values() for line in extra.split("\n")]
    needed = {found[0] for line in options if (found := re.match(r"[a-z][\w-]*", line.strip()))}
    documented = set(re.findall(r"^\| ([a-z][\w-]*) \| .{10}", TEXT["docs/dependencies.md"], re.MULTILINE))
    assert documented - {"package"} == needed


def mentioned() -> Iterator[tuple[str, str]]:
    """Every command line of ``pacs`` in the documents, by page: in code blocks and in backquotes."""
    for page, text in TEXT.items():
        for line in text.splitlines():
            found = re.findall(r"`(pacs [^`]+)`", line)
            if re.match(r" {4}(\.venv/bin/)?pacs ", line):
                found.append(line.strip().removeprefix(".venv/bin/"))
            yield from ((page, each) for each in found)


# Said not to be there, each of them.
ABSENT = ("pacs backup", "pacs restore", "pacs COMMAND --help")


@pytest.mark.parametrize(("page", "line"), list(mentioned()))
def test_every_mentioned_command_exists(page: str, line: str):
    if line in ABSENT:
        return
    words = line.split()
    name = next((name for name in (" ".join(words[:3]), " ".join(words[:2])) if name in KNOWN), None)
    if name is None:  # a group as a whole
        assert words[1] in COMMANDS
        assert len(words) == 2
        return
    options = {option for each in KNOWN[name].params for option in each.opts}
    assert set(re.findall(r"--[a-z-]+", line)) <= {*options, "--help", "--yes"}


@pytest.mark.parametrize("page", TEXT)
def test_links_between_documents_lead_somewhere(page: str):
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT[page]):
        assert (ROOT / page).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_named_modules_exist(page: str):
    for name in re.findall(r"`((?:pacs|tests|config|scripts)/[\w/.]*)`", TEXT[page]):
        assert (ROOT / name).exists(), name
