"""Profiles by name: those of the program (`config/profiles`), a site's own folder, or a file.

A name may carry options of PS3.15 E.3: ``basic+retain_uids+clean_descriptors``.
"""

import difflib
import hashlib
import sys
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path

from pacs.deid.ctp import read_script
from pacs.deid.ctp.rules import Expressions, compiled, fault_of
from pacs.deid.ctp.script import Script
from pacs.deid.profiles.private_tags import PrivateTags, read_knowledge_base, standard_safe_list
from pacs.deid.profiles.profile import Heading, Profile, flatten
from pacs.deid.profiles.reading import ProfileFile, read_profile
from pacs.deid.profiles.rules import RuleSet
from pacs.deid.profiles.settings import ProfileSettings
from pacs.deid.profiles.table import OPTIONS, basic_rules, data_file, option_rules
from pacs.errors import ProfileError

PRIVATE_TAGS_FILE = "private-tags.csv"
PIXEL_SCRIPT_SUFFIX = ".pixels"
SCRIPT_SUFFIXES = (".script", ".xml", ".properties")  # of CTP's anonymizer scripts
MAX_BASES = 8


@cache
def shipped_folder() -> Path:
    """Where the program's own profiles are: in a checkout, or where an installation puts them."""
    checkout = Path(__file__).resolve().parents[3] / "config" / "profiles"
    return checkout if checkout.is_dir() else Path(sys.prefix) / "share" / "trialpacs" / "profiles"


def profile_names(folder: Path | None = None) -> list[str]:
    """The names of all profiles, the program's first."""
    shipped = sorted(file.stem for file in shipped_folder().glob("*.toml"))
    files = sorted(folder.iterdir()) if folder and folder.is_dir() else []
    own = [file.stem for file in files if file.suffix in (".toml", *SCRIPT_SUFFIXES) and file.name[0] != "."]
    return [*shipped, *(name for name in own if name not in shipped)]


def load_profile(name: str, folder: Path | None = None, ctp: str = "safe") -> Profile:
    """A profile by name or file, ready to use. `folder` is the site's own.

    A CTP script is laid over the profile ``basic`` (`ctp` is ``safe``), or is all that is done to an object
    (``strict``). Cheap when no file changed since the last call. Raises `ProfileError` for a profile that does not
    exist or has a fault, naming file, line and key.
    """
    base, *options = name.split("+")
    for option in options:
        if option not in OPTIONS:
            raise ProfileError(f"{option!r} is no option; known: {', '.join(OPTIONS)}")
    chain = _chain(base, folder)
    files = [*chain, *_imported(folder)]
    stamps = tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    profile = _load(name, tuple(options), len(chain), stamps)
    if "strict" in (ctp, profile.settings.ctp):
        return _strict(name, tuple(options), len(chain), stamps)
    fault = next(
        (read.fault for path, stamp, _size in stamps[: len(chain)] if (read := _read(Path(path), stamp)).fault), ""
    )
    if fault:
        raise ProfileError(fault)
    return profile


@lru_cache(maxsize=16)
def _strict(name: str, options: tuple[str, ...], files: int, stamps: tuple[tuple[str, int, int], ...]) -> Profile:
    """The profile whose script is applied by itself. Raises `ProfileError` when there is none."""
    profile = _load(name, options, files, stamps)
    scripts = [Path(path) for path, _stamp, _size in stamps[:files] if path.endswith(SCRIPT_SUFFIXES)]
    if not scripts:
        raise ProfileError(f"{profile.name} has no CTP script that could be applied strictly")
    script = read_script(scripts[-1].read_bytes(), scripts[-1].name)
    version = hashlib.sha256(f"{profile.version} strict".encode()).hexdigest()[:12]
    settings = replace(profile.settings, ctp="strict")
    if stamps[files - 1][0].endswith(
        SCRIPT_SUFFIXES
    ):  # CTP leaves pixels alone; what identifies in them is held all the same
        settings = replace(settings, pixels="detect")
    return replace(profile, strict=script, version=version, settings=settings)


def script_file(script: Script) -> ProfileFile:
    """A CTP script as a profile file over the Basic Profile."""
    prose = "Elements that the script does not name are treated as the profile says that it is laid over."
    title = f"CTP script {Path(script.name).stem}"
    return ProfileFile(
        Path(script.name).stem,
        title,
        prose,
        "basic",
        (),
        {},
        compiled(script),
        "",
        script.params,
        script.names,
        True,
        fault_of(script),
    )


def _imported(folder: Path | None) -> list[Path]:
    """What the site imported for all profiles: its private tags, and pixel scripts."""
    if folder is None or not folder.is_dir():
        return []
    knowledge = folder / PRIVATE_TAGS_FILE
    return [*([knowledge] if knowledge.exists() else []), *sorted(folder.glob(f"*{PIXEL_SCRIPT_SUFFIX}"))]


@lru_cache(maxsize=64)
def _load(name: str, options: tuple[str, ...], files: int, stamps: tuple[tuple[str, int, int], ...]) -> Profile:
    chain = [_read(Path(path), stamp) for path, stamp, _size in stamps[:files]]
    safe = standard_safe_list()
    scripts = []
    for path, stamp, _size in stamps[files:]:
        if path.endswith(PIXEL_SCRIPT_SUFFIX):
            scripts.append((Path(path).name, Path(path).read_text(encoding="utf-8", errors="replace")))
        else:
            safe |= _knowledge(Path(path), stamp)
    chosen = {*options, *(option for file in chain for option in file.options)}
    if {"retain_longitudinal_full_dates", "retain_longitudinal_modified_dates"} <= chosen:
        last = Path(stamps[files - 1][0])
        place = f"{last.stem}, line {_line_of('options', last)}" if chain[-1].options and not options else name
        raise ProfileError(f"{place}, key 'options': full dates and modified dates cannot both be retained")
    return assemble(name, chain, options, safe, tuple(scripts))


def assemble(
    name: str,
    chain: list[ProfileFile],
    options: tuple[str, ...],
    safe: PrivateTags,
    scripts: tuple[tuple[str, str], ...] = (),
) -> Profile:
    """One profile of files in order, the first the deepest base, and options that do not contradict each other."""
    chosen = {*options, *(option for file in chain for option in file.options)}
    ordered = tuple(option for option in OPTIONS if option in chosen)
    sets = [basic_rules(), beyond_rules(), *(option_rules(option) for option in ordered)]
    sets += [file.rules for file in chain]
    settings: dict[str, str] = {}
    for file in chain:
        settings |= _settings_of(file.options) | dict(file.settings)
    settings |= _settings_of(options)
    if chain[-1].is_script:
        settings["pixels"] = "clean"  # which the Basic Profile by itself does not do
    expressions = Expressions(
        {name: value for file in chain for name, value in file.params.items()},
        {name: value for file in chain for name, value in file.names.items()},
    )
    last = chain[-1]
    heading = Heading(last.name if not options else name, last.title, last.prose, ordered)
    return flatten(heading, sets, replace(ProfileSettings(), **settings), safe, scripts, expressions)


def _settings_of(options: tuple[str, ...]) -> dict[str, str]:
    """What the two pixel options mean; a file's own settings may say otherwise."""
    pixels = {"pixels": "clean"} if "clean_pixel_data" in options else {}
    return pixels | ({"faces": "hold"} if "clean_recognizable_visual_features" in options else {})


def _chain(name: str, folder: Path | None) -> list[Path]:
    """The files of a profile, its deepest base first."""
    chain: list[Path] = []
    while name:
        file = find(name, folder) if not chain else _base_of(chain[-1], name, folder)
        if file in chain or len(chain) >= MAX_BASES:
            raise ProfileError(f"profile {name!r} builds on itself")
        chain.append(file)
        read = _read(file, file.stat().st_mtime_ns)
        if read.script:
            chain.append(_script_of(file, read.script, folder))
        name = read.base
    return chain[::-1]


def _script_of(file: Path, name: str, folder: Path | None) -> Path:
    """The CTP script that a profile lays over its base: beside it, or in the site's folder."""
    for place in (file.parent, *([folder] if folder is not None else [])):
        if "/" not in name and name.endswith(SCRIPT_SUFFIXES) and (place / name).is_file():
            return place / name
    raise ProfileError(
        f"{file.stem}, line {_line_of('script', file)}, key 'script': there is no CTP script {name!r} here"
    )


def _base_of(file: Path, name: str, folder: Path | None) -> Path:
    """The file of a profile's base; a base that there is not is a fault of the file that names it."""
    try:
        return find(name, folder)
    except ProfileError:
        line = _line_of("base", file)
        near = difflib.get_close_matches(name, profile_names(folder), 1, 0.5)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(profile_names(folder))}"
        raise ProfileError(f"{file.stem}, line {line}, key 'base': there is no profile {name!r}{hint}") from None


def _line_of(key: str, file: Path) -> int:
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((n for n, text in enumerate(lines, 1) if text.split("=")[0].strip() == key), 1)


def find(name: str, folder: Path | None = None) -> Path:
    """The file of a profile: one of the program's, of the site's folder, or the path of a profile or CTP script."""
    if name.endswith((".toml", *SCRIPT_SUFFIXES)):
        file = Path(name)
        if file.is_file():
            return file
        raise ProfileError(f"there is no profile file {name}")
    for place in (shipped_folder(), folder):
        if place is None or "/" in name:
            continue
        for suffix in (".toml", *SCRIPT_SUFFIXES):
            if (place / f"{name}{suffix}").is_file():
                return place / f"{name}{suffix}"
    raise ProfileError(f"there is no profile {name!r}; known: {', '.join(profile_names(folder))}")


@lru_cache(maxsize=64)
def _read(file: Path, stamp: int) -> ProfileFile:
    del stamp  # part of the cache's key: a changed file is read again
    try:
        if file.suffix in SCRIPT_SUFFIXES:
            return script_file(read_script(file.read_bytes(), file.name))
        return read_profile(file.read_text(encoding="utf-8"), file.stem)
    except UnicodeDecodeError:
        raise ProfileError(f"profile file {file} is not UTF-8") from None
    except OSError as error:
        raise ProfileError(f"profile file {file} cannot be read: {type(error).__name__}") from error


@lru_cache(maxsize=4)
def _knowledge(file: Path, stamp: int) -> PrivateTags:
    del stamp
    return read_knowledge_base(file.read_text(encoding="utf-8", errors="replace"), "imported knowledge base").tags


@cache
def beyond_rules() -> RuleSet:
    """What the Basic Profile needs beyond Table E.1-1."""
    return read_profile(data_file("beyond_e1.toml"), "beyond_e1").rules
