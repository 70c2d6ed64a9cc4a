"""A configuration of RSNA CTP as commands of ours: pipelines become collections, stages settings of them.

What has no counterpart is named with its line, stage by stage and attribute by attribute.
"""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pacs.ctp.configuration import Part
from pacs.ctp.counterparts import EVERYWHERE, NONE, PIPELINE, SERVER, STAGES

_NOT_OF_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_DICOM_URL = re.compile(r"dicom://((?!-)[^:@/]{1,16}):([^:@/]{1,16})@((?!-)[^:/@\s]+):(\d{1,5})/?")
_NO_COUNTERPART = "no counterpart"


@dataclass(frozen=True, slots=True)
class Step:
    """A command, without `pacs`, and the line that it comes from. `password` goes to `--password-file`."""

    line: int
    words: tuple[str, ...]
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to know or to do by hand. `lost`: it has no counterpart."""

    line: int
    where: str
    text: str
    lost: bool = False


@dataclass(slots=True)
class Plan:
    """What a configuration becomes."""

    steps: list[Step] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def script(self) -> str:
        """A shell script: remarks as comments in front, then the commands in their order."""
        lines = [
            "#!/bin/sh",
            "# What RSNA CTP was configured to do, as commands of TrialPACS. Read it before it runs.",
            "set -e",
        ]
        lines += [f"# line {each.line}, {each.where}: {each.text}" for each in self.remarks]
        return "\n".join([*lines, *(shlex.join(("pacs", *each.words)) for each in self.steps), ""])


def translated(root: Part, folder: Path) -> Plan:
    """The plan for a configuration whose relative paths are below `folder`."""
    plan = Plan()
    translation = _Translation(plan, folder)
    for part in root.parts:
        if part.name == "Pipeline":
            translation.pipeline(part)
        elif part.name == "Server":
            translation.attributes(part, SERVER, "Server")
            translation.unknown_parts(part, "Server")
        elif part.name == "Plugin" and part.kind in STAGES:
            translation.stage(part, "")
        else:
            translation.lost(part.line, _shown(part.kind), _NO_COUNTERPART)
    plan.remarks.sort(key=lambda each: each.line)
    return plan


def _shown(text: str, most: int = 60) -> str:
    """A text of the file, on one line and not long."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:most]


def _name_of(text: str) -> str:
    return _NOT_OF_NAMES.sub("-", text).strip("-._")[:64]


class _Translation:
    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder.resolve()
        self.collections: set[str] = set()
        self.profiles: dict[str, str] = {}  # file by name
        self.names: set[str] = set()
        self.translators: Mapping[str, Callable[[Part, str], None]] = {
            "PollingHttpImportService": self.polling,
            "DirectoryImportService": self.folder_import,
            "DicomFilter": self.filter,
            "DicomAnonymizer": self.anonymizer,
            "DicomPixelAnonymizer": self.pixels,
            "HttpExportService": self.http_export,
            "PolledHttpExportService": self.polled_export,
            "DicomExportService": self.dicom_export,
        }

    # -- telling -------------------------------------------------------------------------------------------------------

    def run(self, part: Part, *words: str, password: str = "") -> None:
        self.plan.steps.append(Step(part.line, words, password))

    def tell(self, part: Part, text: str) -> None:
        self.plan.remarks.append(Remark(part.line, _shown(part.kind), text))

    def lost(self, line: int, where: str, text: str) -> None:
        self.plan.remarks.append(Remark(line, where, text, lost=True))

    def attributes(self, part: Part, known: Mapping[str, str], collection: str) -> None:
        """Say of each attribute what is to be said."""
        for name in part.attributes:
            text = known.get(name)
            if text is None:
                self.lost(part.line, _shown(part.kind), f"attribute {_shown(name)}: {_NO_COUNTERPART}")
            elif text:
                self.tell(part, f"attribute {name}: {text.format(collection=collection)}")

    def unknown_parts(self, part: Part, where: str) -> None:
        for each in part.parts:
            self.lost(each.line, where, f"<{_shown(each.name)}>: {_NO_COUNTERPART}")

    # -- pipelines and stages ------------------------------------------------------------------------------------------

    def pipeline(self, part: Part) -> None:
        collection = _name_of(part.has("name")) or f"pipeline-{len(self.collections) + 1}"
        while collection in self.collections:
            collection += "-2"
        self.collections.add(collection)
        if part.attributes.get("enabled", "yes").strip().lower() == "no":
            self.tell(part, "it is switched off, and left out")
            return
        self.attributes(part, PIPELINE, collection)
        anonymizers = [each for each in part.parts if each.kind == "DicomAnonymizer" and each.has("script")]
        profile = self.profile(anonymizers[0]) if anonymizers else ""
        if not anonymizers:
            self.tell(part, "it has no anonymizer; here every object is de-identified, by the default profile")
        for each in anonymizers[1:]:
            self.lost(each.line, each.kind, "a second anonymizer: a collection has one script")
        create = ("collection", "create", collection, "--title", part.has("name") or collection)
        self.tell(part, "what comes is released at once, as CTP passes it on; --release review has curators look first")
        self.run(part, *create, *(("--profile", profile) if profile else ()), "--release", "automatic")
        for each in part.parts:
            if not any(each is other for other in anonymizers[1:]):
                self.stage(each, collection)

    def stage(self, part: Part, collection: str) -> None:
        found = STAGES.get(part.kind, NONE)
        if not found.known:
            self.lost(part.line, _shown(part.kind), _NO_COUNTERPART)
            return
        if found.told:
            self.tell(part, found.told.format(collection=collection))
        self.attributes(part, {**EVERYWHERE, **found.attributes}, collection)
        self.unknown_parts(part, part.kind)
        if part.attributes.get("enableExport", "yes").strip().lower() == "no":
            self.tell(part, "it is switched off, and left out")
        elif part.kind in self.translators:
            self.translators[part.kind](part, collection)

    def path(self, text: str) -> str:
        """A file that the configuration names, from its own folder on."""
        return str(self.folder / text)

    def profile(self, part: Part) -> str:
        """Add an anonymizer's script to the profiles, once; returns the profile's name."""
        file = part.has("script")
        name = Path(file).stem
        if self.profiles.setdefault(name, file) != file:
            self.lost(part.line, part.kind, f"there are two scripts of the name {_shown(name)}: give one another name")
        elif name not in self.names:
            self.names.add(name)
            self.run(part, "profile", "add", self.path(file))
            self.tell(part, "its script is used in safe mode; docs/ctp.md says how strict mode is chosen")
        return name

    def anonymizer(self, part: Part, collection: str) -> None:
        if not part.has("script"):
            self.lost(part.line, part.kind, "it names no script")
        if part.has("lookupTable"):
            self.run(part, "collection", "lookup", collection, self.path(part.has("lookupTable")))

    def filter(self, part: Part, collection: str) -> None:
        has_one = any(step.words[:3] == ("collection", "set", collection) for step in self.plan.steps)
        if has_one or not part.has("script"):
            self.lost(part.line, part.kind, "a collection has one filter: join them by * into one")
            return
        self.run(part, "collection", "set", collection, "--filter", self.path(part.has("script")))

    def pixels(self, part: Part, _collection: str) -> None:
        script = part.has("script")
        if script and script not in self.names:
            self.names.add(script)
            self.run(part, "profile", "import-pixel-script", self.path(script))

    def folder_import(self, part: Part, collection: str) -> None:
        """Settings are not ours to write: the line is told."""
        folder = part.has("import") or f"{part.has('root')}/import"
        line = f"{json.dumps(self.path(folder))} = {json.dumps(collection)}"
        self.tell(part, f"a line for [intake.folders] of the settings: {_shown(line, 400)}")

    # -- from and to others --------------------------------------------------------------------------------------------

    def remote_name(self, part: Part, url: str) -> str:
        """A name for a service, not given yet."""
        name = _name_of(part.has("name")) or _name_of(urlsplit(url).hostname or "") or part.kind
        while name in self.names:
            name += "-2"
        self.names.add(name)
        return name

    def is_http(self, part: Part, url: str) -> bool:
        """Whether an address is one; else that is told."""
        if not url.startswith(("http://", "https://")):
            self.lost(part.line, part.kind, "its url is no http or https address")
            return False
        return True

    def polling(self, part: Part, collection: str) -> None:
        url = part.has("url")
        if self.is_http(part, url):
            self.run(part, "remote", "add", self.remote_name(part, url), url, "--poll", collection)

    def http_export(self, part: Part, collection: str) -> None:
        url = part.has("url")
        if not self.is_http(part, url):
            return
        name, user = self.remote_name(part, url), part.has("username")
        words = ["remote", "add", name, url, *(("--user", user) if user else ())]
        self.run(part, *words, *(("--digest",) if part.on("sendDigestHeader") else ()), password=part.has("password"))
        self.forward(part, collection, name)

    def polled_export(self, part: Part, collection: str) -> None:
        name = self.remote_name(part, "")
        self.run(part, "remote", "add", name)
        self.tell(part, f"who may empty the queue: pacs remote add {name} --user NAME, or --address ADDRESS")
        self.forward(part, collection, name)

    def dicom_export(self, part: Part, collection: str) -> None:
        found = _DICOM_URL.fullmatch(part.has("url"))
        if found is None:
            self.lost(part.line, part.kind, "its url is not written as dicom://CALLED:CALLING@host:port")
            return
        called, calling, host, port = found.groups()
        if called not in self.names:
            self.names.add(called)
            self.run(part, "peer", "add", called, host, port, "--allow", "echo", "--collection", collection)
        self.tell(part, f"we call as dimse.aet of the settings says, not as {_shown(calling)}")
        self.forward(part, collection, called)

    def forward(self, part: Part, collection: str, name: str) -> None:
        script = part.has("dicomScript")
        self.run(part, "forward", "add", collection, name, *(("--filter", self.path(script)) if script else ()))
