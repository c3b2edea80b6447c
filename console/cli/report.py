"""What the demonstration tells: words for people while it goes on, and the same as one JSON document afterwards."""

from __future__ import annotations

import json
import textwrap
import time
from typing import TYPE_CHECKING, Any, TextIO

from conf.printable import printable

if TYPE_CHECKING:
    from console.cli.runtime import Answer

WIDTH = 96
INDENT = "    "


class Report:
    """A numbered story; ``out`` gets its words as they come. ``failures`` stays empty if all went well."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._begun = time.monotonic()
        self._steps: list[dict[str, Any]] = []
        self.failures: list[str] = []

    def say(self, text: str = "") -> None:
        """Write a paragraph or a drawing."""
        lines = (text if "\n" in text else _wrapped(text)).split("\n")
        self._out.write("".join(f"{printable(line)}\n" for line in lines))
        self._out.flush()

    def begin(self, title: str, why: str) -> None:
        """Open the next step."""
        self._steps.append({"step": title})
        self.say()
        self.say(f"{len(self._steps)}. {title}: {why}")

    def answer(self, answer: Answer) -> None:
        """Show what the plugin answered in this step."""
        document = answer.document
        self._steps[-1] |= {
            "exitStatus": answer.status,
            "answer": document,
            "log": answer.log,
            "seconds": round(answer.seconds, 3),
        }
        text = json.dumps(document, indent=2) if document is not None else "(no output)"
        shown = f"exit status {answer.status} after {answer.seconds:.2f} s\n{text}\n{answer.log}".rstrip()
        self.say(textwrap.indent(shown, INDENT))

    def fact(self, text: str) -> None:
        """Show what was looked up beside the plugin's answer."""
        self._steps[-1].setdefault("facts", []).append(text)
        self.say(INDENT + _wrapped(text).replace("\n", f"\n{INDENT}"))

    def fail(self, text: str) -> None:
        """Note that something went wrong; the story may go on."""
        self.failures.append(text)
        self.say()
        self.say(f"FAILED: {text}")

    def document(self) -> str:
        """The whole story as JSON."""
        told = {
            "ok": not self.failures,
            "failures": self.failures,
            "seconds": round(time.monotonic() - self._begun, 3),
            "steps": self._steps,
        }
        return json.dumps(told, indent=2) + "\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
