"""A page that promises too much is found out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.guides.page import Step, steps

if TYPE_CHECKING:
    from pathlib import Path

PAGE = """
# A guide

```sh
cd /tmp
ls
```

```console
# echo one \\
> two
one two

# true
# cat <<'EOF'
> three
> EOF
three
...
```

## An error

```console fails
# false
```

```json
{"not": "typed"}
```
"""


def test_blocks_become_steps(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert steps(page) == [
        Step(5, "cd /tmp\nls\n", section="A guide"),
        Step(10, "echo one \\\ntwo", "one two\n", "A guide"),
        Step(14, "true", "", "A guide"),
        Step(15, "cat <<'EOF'\nthree\nEOF", "three\n...", "A guide"),
        Step(25, "false", "", "An error", fails=True),
    ]


@pytest.mark.parametrize(
    ("shown", "answered", "true"),
    [
        ("one\ntwo", "one  \ntwo\n", True),
        ("one", "one\ntwo\n", False),
        ("", "one\n", False),
        ("one\n...", "one\ntwo\nthree\n", True),
        ("one ... three", "one two three", True),
        ("one ... three", "one two four", False),
        ("1.2", "1x2", False),
    ],
)
def test_output_is_compared(shown: str, answered: str, true: bool) -> None:  # noqa: FBT001 - the expectation
    assert Step(1, "", shown).came_true(answered) == true


def test_output_without_a_command_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ ls\n```\n")
    with pytest.raises(AssertionError, match="line 2"):
        steps(page)
