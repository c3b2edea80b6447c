"""The laws of the house: imports point left through the rooms, without circles, and each ban has its reason."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from conf import errors

TREE = Path(__file__).resolve().parent.parent
ROOMS = ("conf", "ipam", "link", "plugin", "agent", "console")
ORDER = (*ROOMS[:-1], *(f"console/{folder}" for folder in ("configs", "survey", "lint", "doctor", "cli")))
"""In the order of their imports: a file imports from its own folder and from those before it.

Of people's folders: what there is must not depend on what is thought of it, nor a configuration on a node.
"""
HAND_OVER = {"plugin/door.py: console/cli"}
"""The door is what both kinds of callers start: it hands people's words on, inside the function that needs it."""
MODULES = sorted(str(path.relative_to(TREE)) for room in ROOMS for path in (TREE / room).rglob("*.py"))
MAX_LINES = 300
NAMED_FOR_THEIR_SUBJECT = ("console/cli/*", "console/doctor/*", "conf/ipam.py")
"""A command's file is named for what people type, a check's for what it examines, a reader's for the key it reads."""
EFFECTS = ("link.messages", "link.sysctl", "link.addressing", "subprocess")
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}


@dataclass(frozen=True)
class Law:
    """In files of ``where`` the ``banned`` names (of modules, or dotted ones) do not occur but in those of ``but``."""

    where: str
    banned: tuple[str, ...]
    reason: str
    but: tuple[str, ...] = ()


IMPORTS = {
    "conf opens nothing": Law(
        "conf/*",
        ("os", "posix", "io", "socket", "subprocess", "pathlib", "shutil", "tempfile", "ctypes", "sqlite3", "fcntl"),
        "bytes and environment in, values or a coded error out: so a fuzzer needs neither disk nor kernel",
    ),
    "one importer of pyroute2": Law(
        "*", ("pyroute2",), "no call waits 150 ms for its import, a demonstration may", ("console/cli/testbed.py",)
    ),
    "one importer of pydantic": Law(
        "*", ("pydantic",), "models are for the edge; inside are plain frozen dataclasses", ("conf/models.py",)
    ),
    "SQLite is a store's": Law(
        "*", ("sqlite3",), "policy must run on any store, and be tested on a dictionary",
        ("ipam/store/*", "console/cli/replay.py"),
    ),
    "one starter of processes": Law(
        "*", ("subprocess", "multiprocessing", "pty"), "a call starts a process for one reason: another's IPAM plugin",
        ("ipam/execution.py", "console/cli/*", "console/doctor/installation.py"),
    ),
    "one caller of the C library": Law(
        "*", ("ctypes",), "what a thread may do to itself is dangerous enough in one file, memory's ways in another",
        ("link/thread.py", "agent/large.py"),
    ),
    "sockets": Law(
        "*", ("socket", "_socket"),
        "the kernel is spoken to by netlink, callers by the agent, journald by the log: nobody else has a peer",
        (
            "link/netlink.py", "agent/*", "plugin/client.py", "plugin/journal.py",
            "console/survey/dhcp.py",
        ),
    ),
    "the disk is a store's": Law(
        "ipam/*", ("os", "posix", "pathlib", "io", "fcntl", "shutil", "tempfile"), "policy is pure",
        ("ipam/store/*", "ipam/regular.py", "ipam/resolve.py", "ipam/execution.py"),
    ),
    "people's libraries stay with people": Law(
        "*", ("click", "rich", "yaml", "argparse"), "they cost a call 10 to 40 ms, and an agent's memory",
        ("console/cli/*", "console/configs/manifests.py", "agent/command.py"),
    ),
    "numbers are the agent's": Law(
        "*", ("prometheus_client", "agent.metrics", "agent.exposition", "ipam.store.usage"),
        "its import costs 80 ms and 5 MB, which only an agent whose settings ask for numbers is to pay",
        ("agent/metrics.py", "agent/pool_metrics.py", "agent/exposition.py", "agent/command.py"),
    ),
    "a call looks at nothing but what it is for": Law(
        "*", ("ipam.store.view",), "who looks at all that the stores hold has time",
        ("console/*", "ipam/store/usage.py"),
    ),
    "looking changes nothing": Law("console/survey/*", EFFECTS, "doctor and show promise it"),
    "lint changes nothing": Law("console/lint/*", EFFECTS, "it runs on every commit to a repository of networks"),
}  # fmt: skip

NAMES = {
    "one switcher of namespaces": Law(
        "*", ("setns", "unshare"), "a thread that is lost is found in one file", ("link/thread.py",)
    ),
    "one answer on stdout": Law(
        "*", ("sys.stdout", "sys.__stdout__"), "one JSON document: whoever else prints, breaks it", ("console/cli/*",)
    ),
    "people are told in one way": Law(
        "*", ("click.echo", "click.secho", "print"),
        "who writes what came from outside without making it printable hands a stranger the administrator's terminal",
        ("console/cli/output.py", "console/cli/show.py"),
    ),
    "words on stderr": Law(
        "*", ("sys.stderr", "sys.__stderr__"), "as above; and a call's words go to its log",
        ("plugin/door.py", "plugin/journal.py", "plugin/client.py", "agent/command.py",
         "console/cli/run.py", "console/cli/show.py", "console/cli/demo.py"),
    ),
    "one exit": Law(
        "*", ("sys.exit", "os._exit", "posix._exit", "SystemExit", "quit", "exit"),
        "the door alone ends the process, when the answer is out", ("console/cli/*",),
    ),
    "no other way to start a process": Law(
        "*", ("os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.popen", "os.execv", "os.execve", "os.execvp"),
        "what is started without subprocess is easily overlooked", ("plugin/spawn.py",),
    ),
    "writes to descriptors": Law(
        "*", ("os.write", "posix.write"), "the answer is written in one place for each way of calling",
        ("plugin/main.py", "plugin/client.py", "link/sysctl.py", "ipam/store/files.py"),
    ),
}  # fmt: skip


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse((TREE / module).read_text(), module)


@cache
def imported_by(module: str) -> frozenset[str]:
    """Every module that a file imports, wherever in it; ``from a import b`` counts as ``a`` and ``a.b``."""
    found = set()
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: imports are absolute: a reader sees the room"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


@cache
def named_in(module: str) -> frozenset[str]:
    """Every name that a file uses: ``a``, ``a.b`` and the last part of longer ones; imports from modules too."""
    found = set()
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
            if isinstance(node.value, ast.Name):
                found.add(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def offences(law: Law, used: dict[str, frozenset[str]]) -> list[str]:
    """``file: name`` for each occurrence of what is banned, exempted or not."""
    return [
        f"{module}: {name}"
        for module, names in used.items()
        if fnmatch(module, law.where)
        for name in sorted(names)
        if any(name == banned or name.startswith(f"{banned}.") for banned in law.banned)
    ]


def is_exempt(offence: str, law: Law) -> bool:
    return any(fnmatch(offence.partition(":")[0], pattern) for pattern in law.but)


def judged(law: Law, used: dict[str, frozenset[str]]) -> None:
    found = offences(law, used)
    assert [offence for offence in found if not is_exempt(offence, law)] == [], law.reason


@pytest.mark.parametrize("law", IMPORTS.values(), ids=IMPORTS.keys())
def test_imports(law: Law) -> None:
    judged(law, {module: imported_by(module) for module in MODULES})


@pytest.mark.parametrize("law", NAMES.values(), ids=NAMES.keys())
def test_names(law: Law) -> None:
    judged(law, {module: named_in(module) for module in MODULES})


def name_of(module: str) -> str:
    """The dotted name of a file."""
    return module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def place(name: str) -> int:
    """Where in ORDER a file or a dotted name belongs; before all of it what is none of ours, or a room's face."""
    path = name.replace(".", "/")
    return max((number for number, folder in enumerate(ORDER) if f"{path}/".startswith(f"{folder}/")), default=-1)


def test_imports_point_left() -> None:
    """What a folder is for is understood without those behind it, and what they cost is not its callers' to pay."""
    found = {
        f"{module}: {ORDER[place(name)]}"
        for module in MODULES
        for name in imported_by(module)
        if place(name) > place(module)
    }
    assert found == HAND_OVER


def test_imports_have_no_circles() -> None:
    """Neither at run time nor among types: a circle is one thing in two files, or a thing in the wrong one."""
    names = {name_of(module): module for module in MODULES}
    graph = {name: imported_by(module) & names.keys() - {name} for name, module in names.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" imports ".join(reversed(circle.args[1])), pytrace=False)


def test_print_is_for_stderr() -> None:
    """A bare print() in a call would be a second document on stdout."""
    bare = [
        f"{module}:{node.lineno}"
        for module in MODULES
        if not module.startswith("console/cli/")
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        and not any(keyword.arg == "file" for keyword in node.keywords)
    ]
    assert bare == []


def test_rooms_hold_only_what_they_should() -> None:
    """The store's package is the only one below ipam; a new room is a decision (docs/decisions)."""
    packages = {str(Path(module).parent) for module in MODULES}
    assert packages == {
        "conf", "ipam", "ipam/store", "link", "plugin", "plugin/verbs", "agent", "console", "console/cli",
        "console/configs", "console/doctor", "console/lint", "console/survey",
    }  # fmt: skip


def test_no_word_names_two_modules() -> None:
    """Who reads a module's name in an import, a log or a traceback is not to ask which of two it is."""
    own = [m for m in MODULES if not any(fnmatch(m, pattern) for pattern in NAMED_FOR_THEIR_SUBJECT)]
    counted = Counter(name_of(module).rpartition(".")[2] for module in own)
    assert [name for name, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("module", MODULES)
def test_module(module: str) -> None:
    """Each file says in a docstring what it is for, fits on a few screens, and is named for its purpose."""
    assert ast.get_docstring(parsed(module)), "no docstring"
    assert len((TREE / module).read_text().splitlines()) <= MAX_LINES
    assert Path(module).stem not in VAGUE
    assert not VAGUE & set(Path(module).parts)


def test_the_pages_say_the_sentence() -> None:
    """Who reads one of them knows the rooms, in their order."""
    pages = ("README.md", "CONTRIBUTING.md", "docs/architecture.md")
    said = ["".join(re.findall(r"^> \*\*`.*\n", (TREE / page).read_text(), re.MULTILINE)) for page in pages]
    assert re.findall(r"\*\*`([^`]+)`\*\*", said[0]) == [*ROOMS, "cni-macvlan-py", "tests"]
    assert said == said[:1] * len(pages)


def test_the_door_is_small() -> None:
    lines = (TREE / "cni-macvlan-py").read_text().splitlines()
    assert len(lines) <= 40


def error_classes() -> list[type[errors.CniError]]:
    return [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.CniError)]


# The IPAM executable that is missing is one way for it to fail; a delegate's error has the delegate's code.
SHARED = {errors.IpamPluginMissing: errors.IpamPluginFailure, errors.DelegateError: errors.CniError}


def test_each_error_has_a_code_of_its_own() -> None:
    codes: dict[int, str] = {}
    for error in error_classes():
        if error in SHARED:
            assert error.code == SHARED[error].code
        elif error is not errors.CniError:
            assert error.code not in codes, f"{error.__name__} and {codes.get(error.code)} share {error.code}"
            codes[error.code] = error.__name__


def test_each_error_is_in_the_tree_of_the_docstring() -> None:
    """The tree at the top of errors.py is the runtime's reference."""
    tree = errors.__doc__ or ""
    for error in error_classes():
        if error not in {errors.CniError, errors.IpamPluginMissing, errors.DelegateError}:
            assert any(error.__name__ in line and f" {error.code} " in line for line in tree.splitlines()), error


def test_each_error_is_documented() -> None:
    text = (TREE / "docs" / "errors.md").read_text()
    for error in error_classes():
        if error not in {errors.CniError, *SHARED}:
            assert f"## {error.code} {error.__name__}" in text


def test_codes_are_decided_in_one_file() -> None:
    """A code that is set anywhere else would not be found by who reads errors.py."""
    elsewhere = [
        f"{module}: {node.name}"
        for module in MODULES
        if module != "conf/errors.py"
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        for target in getattr(statement, "targets", [getattr(statement, "target", None)])
        if getattr(target, "id", "") == "code"
    ]
    assert elsewhere == []


@pytest.mark.parametrize("law", [*IMPORTS.values(), *NAMES.values()], ids=[*IMPORTS.keys(), *NAMES.keys()])
def test_no_exemption_is_idle(law: Law) -> None:
    """An exemption that nobody needs any more is an invitation."""
    used = {module: imported_by(module) | named_in(module) for module in MODULES}
    found = [offence.partition(":")[0] for offence in offences(law, used)]
    assert [pattern for pattern in law.but if not any(fnmatch(module, pattern) for module in found)] == []
