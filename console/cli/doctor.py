"""``doctor``: everything that is known to go wrong on a node, looked for at once."""

from __future__ import annotations

import textwrap
from collections import Counter
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

import click

from console.cli.output import COLOURS, document, json_option, line, lines, require_root, styled
from console.doctor.examination import CHECKS, examine
from console.doctor.finding import ERROR, Finding
from console.doctor.patient import Places

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH = 100
MEANINGS = {
    "conf_dir": "Directory of the network configurations.",
    "bin_dir": "Directories of the plugins, with colons between them.",
    "app_dir": "Directory that make install puts releases into.",
    "settings": "The node's settings file.",
    "socket": "The agent's socket.",
    "data_dir": "Directory of host-local's leases.",
    "units": "Directories of systemd's units, with colons between them.",
    "sysfs": "Where sysfs is mounted.",
    "podman": "The podman that is to use the networks, if there is one.",
    "containers_conf": "Its settings files, with colons between them.",
    "containers_storage": "Where it keeps containers.",
}
VARIABLES = {"settings": "CNI_MACVLAN_SETTINGS", "socket": "CNI_MACVLAN_AGENT_SOCKET"}


def _place_options(command: Callable[..., int]) -> Callable[..., int]:
    """An option for each of the places."""
    for field in reversed(fields(Places)):
        command = click.option(
            f"--{field.name.replace('_', '-')}",
            type=click.Path(),
            default=field.default,
            envvar=VARIABLES.get(field.name),
            show_default=True,
            help=MEANINGS[field.name],
        )(command)
    return command


@click.command(epilog="docs/troubleshooting.md tells more of each check.")
@json_option
@click.option("--only", multiple=True, metavar="CHECK", type=click.Choice(list(CHECKS)), help="Run this check alone.")
@click.option("--skip", multiple=True, metavar="CHECK", type=click.Choice(list(CHECKS)), help="Leave this check out.")
@click.option("--no-probe", is_flag=True, help="Send nothing to the LAN: gateways are not asked for.")
@_place_options
def command(*, as_json: bool, only: tuple[str, ...], skip: tuple[str, ...], no_probe: bool, **places: str) -> int:
    """Look for everything that is known to go wrong on a node, and tell the cure.

    Nothing is changed. The LAN is asked for each gateway (ARP, neighbour discovery), unless with --no-probe.
    Exit status 1 if an error was found; warnings and notices leave it at 0.
    """
    require_root("to look into namespaces and leases")
    chosen = [name for name in only or CHECKS if name not in skip]
    found = list(examine(Places(**places), chosen, may_ask=not no_probe))
    if as_json:
        document({"checks": chosen, "findings": [{"check": name, **asdict(finding)} for name, finding in found]})
    else:
        for name, finding in found:
            _tell(name, finding)
        line(_summary(len(chosen), [finding for _, finding in found]))
    return int(any(finding.severity == ERROR for _, finding in found))


def _tell(name: str, finding: Finding) -> None:
    severity = styled(finding.severity.upper(), fg=COLOURS[finding.severity], bold=True)
    line(severity, f" {finding.subject}  ", styled(f"[{name}]", dim=True))
    lines(_indented(finding.found))
    lines(_indented(finding.cure, "cure: ") + "\n")


def _indented(text: str, first: str = "") -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=f"  {first}", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _summary(checks: int, findings: list[Finding]) -> str:
    counts = Counter(finding.severity for finding in findings)
    told = [f"{counts[severity]} {severity}{'s' * (counts[severity] > 1)}" for severity in COLOURS if counts[severity]]
    return f"{checks} checks: {', '.join(told) or 'all is well'}."
