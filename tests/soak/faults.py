"""Faults to be found: each is put back by a few lines at the end of a module, in a copy of the tree."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

COPIED: Final = (
    "cni-macvlan-py",
    "pyproject.toml",
    "conf",
    "ipam",
    "link",
    "plugin",
    "agent",
    "console",
    "launcher",
    "tests",
    "deploy",
)


@dataclass(frozen=True)
class Fault:
    """Lines to add to modules; what they define takes the place of what the module has under that name.

    ``seed`` is that of a walk which finds it soon.
    """

    seed: int
    lines: dict[str, str]

    def into_copy(self, place: Path) -> Path:
        """Make a tree with the fault; its packages are the checkout's."""
        for name in COPIED:
            source = REPOSITORY / name
            if source.is_dir():
                shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__", "build"))
            else:
                shutil.copy2(source, place / name)
        (place / ".venv").symlink_to(REPOSITORY / ".venv")
        for module, lines in self.lines.items():
            with (place / module).open("a") as file:
                file.write(f"\n\n{lines}")
        return place


FAULTS: Final = {
    "DEL releases the lease of a link that stays": Fault(6868, {
        "plugin/verbs/detach.py": """
def detach(find, owner, remove, failures, release=None):
    source = None
    with collecting(failures):
        source = find()
    try:
        remove()
    except CniError as error:
        failures.append(error)
    except OSError as error:
        failures.append(CniError(str(error), ""))
    if source is not None:
        with collecting(failures):
            release(source) if release else source.release(owner)
""",
    }),
    "a namespace that cannot be opened is taken for gone": Fault(4380, {
        "link/netns.py": """
_open_namespace = open_namespace
def open_namespace(path):
    try:
        return _open_namespace(path)
    except (TryAgain, InvalidEnvironment) as error:
        raise UnknownContainer(error.msg, error.details) from error
""",
        "plugin/verbs/container.py": "def stray(known, node):\n    return None\n",
    }),
    "a lost log forgets leases without a word": Fault(1653, {
        "ipam/store/guard.py": "Guard.is_missed = lambda self: False\nGuard.loss = lambda self, connection: ''\n",
    }),
    "GC frees what an ADD got meanwhile": Fault(17, {
        "ipam/store/files.py": "FilesTransaction.keep_but = lambda self, seen: None\n",
    }),
    "an interface is found by its name alone": Fault(5590, {
        "link/macvlan.py": """
def find(container, container_id, ifname):
    return container.link(ifname)
""",
    }),
}  # fmt: skip
