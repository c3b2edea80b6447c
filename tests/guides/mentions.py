"""Commands that a page mentions without having them typed, and whether there are such commands."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import click

from console.cli.commands import ALL, COMMANDS
from plugin.release import PROGRAM
from tests.guides.page import FENCED, section_at
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TYPED = {"sh", "console"}
DATA = {"json", "yaml", "toml"}
SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
INDENTED = re.compile(r"^( {4})(\S.*)$", re.MULTILINE)
# Words that begin as a program's name or path do, and are neither `key = value` nor `from → to`.
COMMAND = re.compile(r"(?:[~.]?/)?[a-z.][\w./-]* (?!= |→ ).+")
OPTION = re.compile(r"--[\w-]+")
# Words of other programs that are no command.
OTHERS_SAY = {
    "cni plugin not initialized",
    "could not find",
    "failed to find plugin",
    "network not found",
    "no network config found in /etc/cni/net.d",
}
# What pages tell and no machine of a test can do, and why.
BEYOND = {
    "docker build --tag registry.example/cni-macvlan-py:1 .": "tests/deploy builds it by podman, without a registry",
    "docker push registry.example/cni-macvlan-py:1": "there is no registry",
    "kubectl describe": "the stand-in for the API server has no events",
    "kubectl --namespace cni-macvlan-py get pods -o wide": "nor tables",
    "/opt/cni/bin/dhcp daemon": "tests/kernel/test_dhcp.py runs it, where its package has it",
    "ip link add link eth0 name eth0.10 type vlan id 10": "not every kernel that runs the tests has VLANs",
    "ip link set eth0.10 up": "nor, therefore, this interface",
    "ip link property add dev enp3s0 altname lan0": "tests/kernel/test_masters.py gives such a name to its own master",
}
NOT_RUN = "not run here"


@dataclass(frozen=True)
class Mention:
    """What looks like a command or an option on a page's ``line``."""

    line: int
    section: str
    text: str


def mentions(page: str) -> Iterator[Mention]:
    """What looks like a command or an option, in code spans and in blocks of neither commands nor data."""
    for block in FENCED.finditer(page):
        if block[1] not in TYPED | DATA:
            for line in re.finditer(r".+", block[3]):
                yield from _looks_like_one(page, block.start(3) + line.start(), line[0])
    # Blanked out, for all else to stay where it is.
    prose = FENCED.sub(lambda block: re.sub(r".", " ", block[0]), page)
    for place in (*INDENTED.finditer(prose), *SPAN.finditer(prose)):
        yield from _looks_like_one(page, place.start(2), place[2])


def _looks_like_one(page: str, start: int, text: str) -> Iterator[Mention]:
    if COMMAND.fullmatch(text) or OPTION.match(text):
        yield Mention(page.count("\n", 0, start) + 1, section_at(page, start), text)


def unknown(page: str, typed: Iterable[str]) -> list[str]:
    """The mentions of a page that nothing knows; ``typed`` are the commands that tests type.

    Of a page that says that it is not run, the commands and options of other programs are left alone.
    """
    lines = {part for command in typed for line in command.splitlines() for part in line.strip().split(" | ")}
    elsewhere = NOT_RUN in page
    return [
        f"line {mention.line}: {mention.text}"
        for mention in mentions(page)
        if mention.text not in BEYOND and not _known(mention, lines, elsewhere=elsewhere)
    ]


def _known(mention: Mention, typed: set[str], *, elsewhere: bool) -> bool:
    if option := OPTION.match(mention.text):
        known = _options(mention.section.partition(" ")[0])
        return elsewhere or option[0] in known or any(option[0] in line.split() for line in typed)
    return all(_is_command(part.removesuffix(" …"), typed, elsewhere=elsewhere) for part in mention.text.split(" | "))


def _is_command(text: str, typed: set[str], *, elsewhere: bool) -> bool:
    if any(f"{line} ".startswith(f"{text} ") for line in typed):
        return True
    try:
        program, *words = shlex.split(text)
    except ValueError:
        return False
    if program == "make":
        return _is_target(words)
    if program.removeprefix("./").removeprefix("/opt/cni/bin/") == PROGRAM:
        return _is_ours(words)
    return elsewhere or _is_said(text.partition('"')[0].strip())


def _is_target(words: list[str]) -> bool:
    """Whether the Makefile has this target, and the variables that are set for it."""
    makefile = (REPOSITORY / "Makefile").read_text()
    variables = set(re.findall(r"^(\w+) \?=", makefile, re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    return all(word.partition("=")[0] in variables if "=" in word else word in targets for word in words)


def _is_ours(words: list[str]) -> bool:
    """Whether our command line takes these words; values are not looked at."""
    command: click.Command | None = ALL
    try:
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            _, command, words = command.resolve_command(click.Context(command), words)
        assert command
        _, left, _ = command.make_parser(click.Context(command)).parse_args(list(words))
    except click.UsageError:
        return False
    return not left


@cache
def _options(name: str) -> set[str]:
    """The options of this command of ours, with those of what is below it; of all of them if it is none."""
    found = {"--help"}
    for each in [name] if name in COMMANDS else COMMANDS:
        _, command, _ = ALL.resolve_command(click.Context(ALL), [each])
        below = command.commands.values() if isinstance(command, click.Group) else ()
        for one in (command, *below):
            assert one
            found |= {option for parameter in one.params for option in parameter.opts}
    return found


def _is_said(words: str) -> bool:
    """Whether these are words that we say, or others, and no command."""
    return words in OTHERS_SAY or any(words in source for source in _sources())


@cache
def _sources() -> list[str]:
    rooms = ("conf", "ipam", "link", "plugin", "agent", "console", "launcher")
    return [
        file.read_text() for room in rooms for file in (REPOSITORY / room).rglob("*.[cp]*") if file.suffix != ".pyc"
    ]
