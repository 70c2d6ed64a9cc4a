"""A CTP script written as a profile of ours, for people to read and go on with."""

import json
import re

from pacs.deid.ctp.rules import rules_of_script
from pacs.deid.ctp.script import Script
from pacs.deid.profiles.rules import ACTION_WORDS, Rule


def profile_of_script(script: Script, base: str = "basic") -> str:
    """TOML of a profile over `base` that says what the script says in mode `safe`. Raises `ProfileError`."""
    name = script.name.rpartition(".")[0] or script.name
    lines = [
        f"title = {_quoted(f'CTP script {name}')}",
        f"base = {_quoted(base)}",
        f"source = {_quoted(script.name)}",
    ]
    if script.params:
        lines += ["", "[params]", *(f"{_quoted(key)} = {_quoted(value)}" for key, value in script.params.items())]
    if base == "basic":  # where a script by itself cleans pixels too
        lines += ["", "[settings]", 'pixels = "clean"']
    for rule in rules_of_script(script).rules:
        lines += ["", *_rule(rule, script)]
    return "\n".join(lines) + "\n"


def _rule(rule: Rule, script: Script) -> list[str]:
    word = ACTION_WORDS[rule.code]
    lines = [
        "[[rule]]",
        f"match = {_quoted(rule.match)}",
        f"action = {_quoted(word if ' ' not in word else rule.code)}",
        f"reason = {_quoted(_printable(rule.reason))}",
        f"source = {_quoted(rule.source)}",
    ]
    if rule.code in ("set", "ctp"):
        lines.insert(3, f"value = {_quoted(_with_tags(rule.value, script))}")
    return lines


def _with_tags(expression: str, script: Script) -> str:
    """An expression in which private elements that the script named stand with group, owner and low byte."""
    for name, (group, owner, low) in script.names.items():
        argument = rf"(?<=[(,|:])(\s*){re.escape(name)}(?=\s*[),|:])"  # elsewhere the same word is text
        expression = re.sub(argument, rf"\g<1>{group:04X}[{_escaped(owner)}]{low:02X}", expression)
    return expression


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\")


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are among its own."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
