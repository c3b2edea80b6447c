"""What the pages mention is there; a command or an option that is not is found out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.guides.mentions import BEYOND, OTHERS_SAY, mentions, unknown
from tests.guides.page import steps
from tests.guides.scenes import SCENES
from tests.guides.test_pages import ELSEWHERE, READERS
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

FILES = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")]
PAGES = {str(file.relative_to(REPOSITORY)): file for file in sorted(FILES)}
TYPED = {name: [step.command for step in steps(file)] for name, file in PAGES.items()}
EVERYTHING = [command for commands in TYPED.values() for command in commands]
COMMENTED = [
    REPOSITORY / "Dockerfile",
    *(REPOSITORY / "deploy").rglob("*.yaml"),
    *(REPOSITORY / "deploy").rglob("*.toml"),
]


def test_every_page_that_tells_what_to_type_is_typed_by_a_test() -> None:
    by_readers = [page for _, pages in READERS.values() for page in pages]
    assert sorted([*by_readers, *ELSEWHERE]) == [page for page, commands in TYPED.items() if commands]
    assert all((REPOSITORY / test).exists() for test in ELSEWHERE.values())


def test_every_scene_has_its_section() -> None:
    assert set(SCENES) <= {(name, step.section) for name, file in PAGES.items() for step in steps(file)}


def test_every_exemption_is_needed() -> None:
    mentioned = [mention.text for file in PAGES.values() for mention in mentions(file.read_text())]
    assert set(BEYOND) <= set(mentioned)
    assert [words for words in OTHERS_SAY if not any(text.startswith(words) for text in mentioned)] == []


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_are_known(page: str) -> None:
    assert unknown(PAGES[page].read_text(), EVERYTHING) == []


@pytest.mark.parametrize("file", sorted(COMMENTED), ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_commands_in_comments_are_known(file: Path) -> None:
    comments = re.findall(r"^ *# ?(.*)", file.read_text(), re.MULTILINE)
    assert unknown("\n".join(comments), EVERYTHING) == []


GOOD = """
`cni-macvlan-py leases release 10.9.0.200 --yes`, `cni-macvlan-py agent --stand-by`, `./cni-macvlan-py demo --json`,
`make install LINKS="macvlan static" FORCE=1`, `ip link add …`, `cni-macvlan-py completion fish | source`,
`mode = "bridge"`, `podman`, `--conf-dir DIRECTORY`, `no IP addresses available in range set`

## agent

`--workers N`

```text
make test
```
"""
BAD = [
    "`frobnicate now`",
    "`cni-macvlan-py frobnicate`",
    "`cni-macvlan-py leases --frobnicate`",
    "`cni-macvlan-py agent --frobnicate 1`",
    "`cni-macvlan-py version twice`",
    "`/opt/cni/bin/cni-macvlan-py frobnicate`",
    "`make frobnicate`",
    "`make install FROBNICATE=1`",
    "`ip link add lan1`",
    "`ip link 'add`",
    "`cni-macvlan-py leases | frobnicate`",
    "`--frobnicate`",
    "## agent\n\n`--conf-dir`",
    "```\nmake frobnicate\n```",
    "```text\npodman frobnicate all\n```",
    "    make frobnicate",
]


def test_what_there_is_is_known() -> None:
    assert unknown(GOOD, ["ip link add lan0 | cat\nsource <(true)"]) == []


@pytest.mark.parametrize("text", BAD)
def test_what_there_is_not_is_found_out(text: str) -> None:
    assert len(unknown(GOOD + text, ["ip link add lan0 | cat\nsource <(true)"])) == 1


def test_of_what_is_not_run_our_own_commands_are_known() -> None:
    page = "*Not tried, and not run here.* `nerdctl run --network lan`, `--cni-path`\n\n```text\nmake frobnicate\n```\n"
    assert unknown(page, []) == ["line 4: make frobnicate"]
