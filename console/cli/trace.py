"""``trace``: a recorded call once more, with every step of it in words."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import click

from conf.errors import CniError
from console.cli.output import confirm, document, json_option, line, lines, note, yes_option
from console.cli.replay import NotReplayable, read_call, replay, replay_really
from console.configs.networks import read_text

if TYPE_CHECKING:
    from console.cli.replay import Notes


@click.command()
@click.argument("file", type=click.Path(allow_dash=True, dir_okay=False, readable=False))
@click.option("--really", is_flag=True, help="In the recorded namespace, with all its effects.")
@yes_option
@json_option
def command(*, file: str, really: bool, yes: bool, as_json: bool) -> int:
    """Replay a call that was recorded, and tell every step: store, namespaces, netlink, sysctls, answer.

    The setting "record_dir" has calls recorded. The replay happens in two throw-away network namespaces with a master
    made for it and leases of its own; a CHECK or DEL is preceded by an ADD that is not shown.
    """
    try:
        call = read_call(read_text(file))
    except (ValueError, CniError) as error:
        text = f"{file}: no recorded call: {error}; name a file of the setting record_dir"
        raise click.ClickException(text) from error
    if really and not yes:
        where = call.environment.get("CNI_NETNS", "no namespace")
        if as_json:
            raise click.UsageError("with --json nobody is asked: add --yes")
        if not confirm(f"{call.environment.get('CNI_COMMAND')} in {where}, really?"):
            note("nothing was replayed")
            return 1
    try:
        notes = replay_really(call) if really else replay(call)
    except NotReplayable as error:
        raise click.ClickException(f"{error}; --really replays it where it was recorded") from error
    if as_json:
        document(
            {"environment": call.environment, "config": call.config, "recorded": call.answer, "steps": notes.steps}
        )
    else:
        _tell(call.environment, call.config, notes)
    return 0


def _tell(about: dict[str, str], config: dict[str, Any], notes: Notes) -> None:
    for name, value in sorted(about.items()):
        line(f"{name}={value}")
    lines(json.dumps(config, indent=2) + "\n")
    for step in notes.steps:
        line(f"{step['seconds'] * 1000:9.2f} ms  {step['kind']:<9}  {' '.join(step['step'].split())}")
        if step["result"]:
            lines(textwrap.indent(step["result"], " " * 25 + "→ "))
