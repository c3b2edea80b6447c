"""Taking attachments away by hand: the plan for people to look at, and its execution while the plugin is in use."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

from conf.environment import Environment
from conf.errors import CniError, collected
from console.cli.output import confirm, document, line, note, progress, short, table
from ipam import pool
from ipam.ranges import canonical
from ipam.store.files import FilesStore
from plugin.verbs.gc import Asked, discard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conf.document import Document
    from console.configs.networks import Plugin
    from console.survey.holdings import Holding
    from ipam.lease import Attachment
    from plugin.node import Node

ANEW: Final = "attached anew meanwhile"


@dataclass
class Removal:
    """One step of a plan; ``outcome`` is planned, removed, forgotten, kept or failed, with the ``reason`` of each."""

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
    """What is to be removed, and what that needs beside the stores: configurations, CNI_PATH.

    ``force``: records are forgotten even where their executed IPAM plugin does not take its addresses back.
    """

    steps: Sequence[Removal]
    node: Node
    path: str = ""
    plugins: Sequence[Plugin] = field(default_factory=list)
    force: bool = False

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
                self._take(step)
            except CniError as error:
                known = step.holding.attachment
                way_out = "; gc --force forgets it all the same" if known and known.executed else ""
                step.outcome, step.reason = "failed", f"{error}{way_out}"

    def _take(self, step: Removal) -> None:
        """Remove a holding, or note why it was left alone."""
        known = step.holding.attachment
        if known is None:
            refused = self._free_files(step.holding)
            step.outcome, step.reason = ("kept", refused) if refused else ("removed", step.reason)
            return
        left: list[CniError] = []
        asked = Asked(self._caller(), self._configuration(known), self.node.means)
        removed = discard(known, self.node, asked, left if self.force else None)
        step.outcome, step.reason = ("removed", step.reason) if removed else ("kept", ANEW)
        if left:
            step.outcome = "forgotten"
            step.reason = f'what IPAM plugin "{known.ipam}" gave stays taken there: {collected(left)}'

    def _free_files(self, holding: Holding) -> str:
        """Free what another program leased in host-local's directory, if all of it is still so."""
        with FilesStore(holding.data_dir).transaction(holding.owner.network) as tx:
            if any(tx.holder(address) != holding.owner for address in holding.addresses):
                return ANEW
            pool.release(tx, holding.owner)
        return ""

    def _configuration(self, known: Attachment) -> Document | None:
        """That of the attachment's network, for an IPAM plugin of which the record does not tell how it was told."""
        for plugin in self.plugins:
            if known.executed and plugin.name == known.owner.network and plugin.ipam_type == known.ipam:
                return plugin.document("DEL")
        return None

    def _caller(self) -> Environment:
        """The parameters of a call that is about no attachment."""
        directories = tuple(filter(None, self.path.split(":")))
        return Environment("GC", path=directories, variables={"PATH": os.environ.get("PATH", os.defpath)})


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
