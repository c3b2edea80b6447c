"""Taking attachments away by hand: the plan for people to look at, and its execution while the plugin is in use."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

from conf.addresses import BUILT_IN, HOST_LOCAL
from conf.environment import Environment, read_environment
from conf.errors import CniError, IpamPluginFailure
from conf.request import read_remains
from ipam import pool
from ipam.ranges import canonical
from ipam.reclaim import is_current
from ipam.store.files import FilesStore
from plugin.cli.output import confirm, document, line, note, progress, short, table
from plugin.verbs.delete import delete
from plugin.verbs.gc import discard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipam.lease import Attachment
    from plugin.node import Node
    from plugin.survey.holdings import Holding
    from plugin.survey.networks import Plugin

ANEW: Final = "attached anew meanwhile"


@dataclass
class Removal:
    """One step of a plan; ``outcome`` is planned, removed, kept or failed, with the ``reason`` of each."""

    holding: Holding
    reason: str
    outcome: str = "planned"

    def as_json(self) -> dict[str, Any]:
        """The step for programs."""
        owner, known = self.holding.owner, self.holding.attachment
        return {
            "network": owner.network,
            "container": owner.container_id,
            "ifname": owner.ifname,
            "addresses": [canonical(each) for each in self.holding.addresses],
            "netns": known.netns if known else "",
            "dataDir": self.holding.data_dir,
            "outcome": self.outcome,
            "reason": self.reason,
        }

    def as_row(self) -> tuple[str, ...]:
        """The step for people."""
        owner = self.holding.owner
        given = " ".join(canonical(each) for each in self.holding.addresses) or "-"
        return owner.network, short(owner.container_id), owner.ifname, given, self.reason


@dataclass
class Plan:
    """What is to be removed, and what that needs beside the stores: configurations, CNI_PATH."""

    steps: Sequence[Removal]
    node: Node
    path: str = ""
    plugins: Sequence[Plugin] = field(default_factory=list)

    def show(self) -> None:
        """Write a table of the steps."""
        if not self.steps:
            line("nothing to remove")
            return
        table(("NETWORK", "CONTAINER", "INTERFACE", "ADDRESSES", "WHY"), [step.as_row() for step in self.steps])

    def tell(self) -> None:
        """Write what came of the steps."""
        for step in self.steps:
            if step.outcome != "removed":
                network, container, ifname, *_ = step.as_row()
                note(f"{step.outcome}: {network} {container} {ifname}: {step.reason}")
        if self.steps:
            line(f"removed {sum(step.outcome == 'removed' for step in self.steps)} of {len(self.steps)}")

    def execute(self) -> None:
        """Take every step, go on after failures, and note on each step what came of it."""
        for step in progress(self.steps, "removing"):
            try:
                refused = self._take(step.holding)
                step.outcome = "kept" if refused else "removed"
                step.reason = refused or step.reason
            except CniError as error:
                step.outcome, step.reason = "failed", str(error)

    def _take(self, holding: Holding) -> str:
        """Remove a holding; why it was left alone, if it was."""
        known = holding.attachment
        if known is None:
            return self._free_files(holding)
        if known.ipam not in {"", *BUILT_IN} or (known.ipam == HOST_LOCAL and not known.ipam_dir):
            return self._tell_delegate(known)
        return "" if discard(known, self.node) else ANEW

    def _free_files(self, holding: Holding) -> str:
        """Free what another program leased in host-local's directory, if all of it is still so."""
        with FilesStore(holding.data_dir).transaction(holding.owner.network) as tx:
            if any(tx.holder(address) != holding.owner for address in holding.addresses):
                return ANEW
            pool.release(tx, holding.owner)
        return ""

    def _tell_delegate(self, known: Attachment) -> str:
        """Have another's IPAM plugin free its addresses, by the DEL that a runtime did not send."""
        if not is_current(self.node.store, known):
            return ANEW
        owner = known.owner
        for plugin in self.plugins:
            if plugin.name == owner.network and plugin.ipam_type == known.ipam:
                delete(read_remains(self._deletion(known), plugin.document("DEL")), self.node, lambda _: None)
                return ""
        raise IpamPluginFailure(
            f'only its IPAM plugin "{known.ipam}" can free its addresses; name the directory of the configuration of '
            f'network "{owner.network}" with --conf-dir',
            "nothing was removed",
        )

    def _deletion(self, known: Attachment) -> Environment:
        """The parameters of the DEL, for us and as variables for the IPAM plugin."""
        variables = {
            "PATH": os.environ.get("PATH", os.defpath),
            "CNI_COMMAND": "DEL",
            "CNI_CONTAINERID": known.owner.container_id,
            "CNI_IFNAME": known.owner.ifname,
            "CNI_NETNS": known.netns,
            "CNI_PATH": self.path,
        }
        return read_environment(variables)


def carry_out(plan: Plan, *, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Show a plan, ask, execute it, and return the exit status: 1 if anything could not be removed, or was not to be.

    Raises UsageError where programs would be asked.
    """
    if as_json and not (dry_run or yes):
        raise click.UsageError("with --json nobody is asked: add --yes or --dry-run")
    if not as_json:
        plan.show()
    if plan.steps and not dry_run:
        if not (yes or confirm("Remove?")):
            note("nothing was removed")
            return 1
        plan.execute()
    failed = [step for step in plan.steps if step.outcome == "failed"]
    if as_json:
        document({"dryRun": dry_run, "attachments": [step.as_json() for step in plan.steps]})
    elif not dry_run:
        plan.tell()
    return int(bool(failed))
