"""Whole calls that mean no good: a verb, variables and stdin, of which anything may be wrong."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from plugin.stdin import MAX_STDIN
from tests.fuzz.inputs import TEXT, VERBS, configurations, damaged, right, written

if TYPE_CHECKING:
    from pathlib import Path

    from hypothesis.vendor.pretty import RepresentationPrinter as PrettyPrinter

# what can be in an environment: no NUL, bytes that are no UTF-8 as surrogates
WORDS = TEXT.map(lambda text: os.fsdecode(text.encode("utf-8", "surrogatepass").replace(b"\0", b"\xff")))
ARGUMENTS = st.sampled_from(
    ["MAC=zz", "IP=10.8.0.7", "IP=", "=", "A=B", "A", "IgnoreUnknown=1", "IgnoreUnknown=x", ";;"]
)
NOWHERE = st.sampled_from(
    ["/", "/dev/null", "/proc/self/ns/mnt", "/proc/thread-self/ns/net", "/nonexistent", "/dev/zero"]
)
UNITS = ("{}", "[]", '{"":0}', '"ab"', "1.5", '{"name":"a"}', '{"dst":"10.0.0.0/8"}', '{"address":"10.1.1.1/8"}', "[[")
KEYS = ("x", "ipam", "prevResult", "runtimeConfig", "cni.dev/valid-attachments", "dns", "args", "name", "master")


@dataclass(frozen=True)
class Call:
    """What a caller sends; variables of the sandbox are added to those that it names."""

    verb: str
    stdin: bytes
    variables: dict[str, str]
    executable: str = "macvlan"

    def _repr_pretty_(self, printer: PrettyPrinter, _cycle: bool) -> None:  # noqa: FBT001 - as hypothesis calls it
        """Tell of a failure without megabytes."""
        printer.text(f"{self.executable} {self.verb!r} {self.variables!r:.300} {len(self.stdin)} {self.stdin[:300]!r}")


@st.composite
def calls(draw: st.DrawFn, data_dir: Path) -> Call:
    """A call of any verb, with a configuration, damaged bytes, garbage, or far too much of something."""
    sound = st.sampled_from([written(each, ascii_only=True) for each in right(data_dir)])
    several = configurations(data_dir)
    stdin = draw(st.one_of(several, several, damaged(data_dir), sound, st.binary(max_size=60), _far_too_much()))
    stdin = stdin[: MAX_STDIN + 1]  # what is beyond is not read
    verb = draw(WORDS.filter(bool) if _is_rare(draw) else st.sampled_from((*VERBS, "ADD", "ADD", "ADD", "CHECK")))
    strange = {
        "CNI_CONTAINERID": WORDS,
        "CNI_IFNAME": WORDS,
        "CNI_NETNS": NOWHERE | WORDS,
        "CNI_PATH": WORDS,
        "CNI_ARGS": st.lists(ARGUMENTS | WORDS, max_size=3).map(";".join),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(strange)), max_size=2, unique=True)) if _is_rare(draw) else []
    executable = draw(st.sampled_from(["macvlan", "macvlan", "cni-macvlan-py", "host-local", "static"]))
    return Call(verb, stdin, {name: draw(strange[name]) for name in chosen}, executable)


def _is_rare(draw: st.DrawFn) -> bool:
    """Whether something is to be strange that mostly keeps the rest from being looked at."""
    return draw(st.integers(0, 7)) == 0


@st.composite
def _far_too_much(draw: st.DrawFn) -> bytes:
    """Up to and beyond what stdin may have, of one thing."""
    unit = draw(st.sampled_from(UNITS))
    size = draw(st.sampled_from([1 << 16, 1 << 20, MAX_STDIN - 500, MAX_STDIN + 1]))
    listed = f"[{','.join([unit] * (size // (len(unit) + 1)))}]"
    value = draw(st.sampled_from([listed, f'{{"ranges":{listed}}}', f'{{"interfaces":{listed}}}', f'"{listed[:-1]}"']))
    return f'{{"cniVersion":"1.1.0","name":"fuzz","type":"macvlan","{draw(st.sampled_from(KEYS))}":{value}}}'.encode()
