"""The commands for people: what the executable does when a person calls it, and no runtime."""

from __future__ import annotations

import argparse
import sys

from conf.versions import SUPPORTED

PROGRAM = "cni-macvlan-py"
ABOUT = f"CNI macvlan plugin {PROGRAM}\nCNI protocol versions supported: {', '.join(SUPPORTED)}\n"


def run(arguments: list[str]) -> int:
    """Run the command and return its exit status; 2 for a command line that is not understood."""
    if not arguments:
        sys.stderr.write(ABOUT)
        return 0
    try:
        chosen = _parser().parse_args(arguments)
        status: int = chosen.serve(chosen)
        sys.stdout.flush()
    except SystemExit as end:  # argparse has said what there is to say
        sys.stdout.flush()
        return end.code if isinstance(end.code, int) else 1
    except BrokenPipeError:  # the reader of our words has gone
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="A CNI plugin for macvlan interfaces. Container runtimes call it with CNI_COMMAND in the "
        "environment; people call it with one of these commands.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    demo = commands.add_parser(
        "demo",
        help="attach two containers to one master, on real interfaces in throw-away namespaces",
        description="Make network namespaces with real interfaces, call this plugin in them as a container runtime "
        "does, try whether it did what it says, and remove everything. Needs root, ip and ping; takes some seconds. "
        "Exit status 0 only if all of it worked and nothing is left.",
    )
    demo.add_argument(
        "--json", action="store_true", help="write a report as one JSON document to stdout, and the words to stderr"
    )
    demo.set_defaults(serve=_demo)
    version = commands.add_parser(
        "version",
        help="show the versions of the plugin and of its surroundings",
        description="Show the plugin's version, the versions of the CNI specification that it speaks, and what it "
        "runs on.",
    )
    version.set_defaults(serve=_version)
    agent = commands.add_parser(
        "agent",
        help="serve the calls of this node from one process",
        description="Listen on a unix socket and serve calls without the cost of starting Python for each; for a "
        "service manager or a container. SIGTERM ends it after what it has begun.",
    )
    agent.add_argument(
        "--socket", metavar="PATH", help="where to listen (default: CNI_MACVLAN_AGENT_SOCKET, else /run)"
    )
    agent.add_argument("--workers", type=int, default=16, help="calls served at the same time (default: %(default)s)")
    agent.add_argument("--limit", type=float, default=120, help="seconds that a call may take (default: %(default)s)")
    agent.add_argument("--idle", type=float, default=0, help="end after so many seconds without a call; 0: never")
    agent.add_argument("--unless-running", action="store_true", help="end at once if an agent is there already")
    agent.set_defaults(serve=_agent)
    return parser


def _demo(chosen: argparse.Namespace) -> int:
    from plugin.cli.demo import demo  # noqa: PLC0415 - one command need not load the others

    return demo(as_json=chosen.json)


def _agent(chosen: argparse.Namespace) -> int:
    from plugin.agent.command import run_agent  # noqa: PLC0415 - one command need not load the others

    return run_agent(chosen)


def _version(chosen: argparse.Namespace) -> int:  # noqa: ARG001 - it has no options
    from plugin.cli.version import describe  # noqa: PLC0415 - one command need not load the others

    sys.stdout.write(describe())
    return 0
