"""One call: environment and stdin → the bytes for stdout and the exit status. Nothing raised gets past here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf import versions
from conf.document import decode_object, read_document, stated_version
from conf.environment import read_environment
from conf.errors import CniError, InternalError, IoFailure, TryAgain
from conf.keys import fold_keys
from plugin.render import render_error, render_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conf.document import Document
    from conf.environment import Environment
    from plugin.node import Node


def dispatch(
    variables: Mapping[str, str],
    read_stdin: Callable[[], bytes],
    deliver: Callable[[bytes, int], None],
    find_node: Callable[[Environment, Document], Node],
) -> CniError | None:
    """Serve one call and return the failure that it came to, None where it succeeded.

    ``deliver`` takes the answer and the status, once; where it raises OSError an ADD is undone. ``find_node`` is asked
    once the input is known to be well-formed: VERSION and malformed input are answered with nothing heavy imported.
    """
    stdin = b""
    delivered = False

    def succeed(text: bytes) -> None:
        nonlocal delivered
        deliver(text, 0)
        delivered = True

    try:
        environment = read_environment(variables)
        stdin = _read(read_stdin)
        if environment.command == "VERSION":
            succeed(render_versions(_version_asked(stdin)))
            return None
        document = read_document(stdin, environment.command)
        _serve(environment, document, succeed, find_node)
    except CniError as error:
        failure: CniError = error
    except OSError as error:
        from ipam.store.privilege import failure_of  # noqa: PLC0415 - for a failure alone

        failure = failure_of(error)
    except (MemoryError, SystemError, ImportError) as error:
        failure = _lacking(error)
    except Exception as error:  # the answer has to be JSON, whatever happened
        import logging  # noqa: PLC0415 - 10 ms that an answer to VERSION need not wait for

        logging.getLogger(__name__).exception("this is a bug")
        failure = InternalError(
            f"internal error: {type(error).__name__}: {error}; report it with the log", "the log has the traceback"
        )
    else:
        return None
    if delivered:  # the call has succeeded as far as its caller will ever know
        return None
    _deliver_error(failure, _version_for_errors(stdin), deliver)
    return failure


def _serve(
    environment: Environment,
    document: Document,
    deliver: Callable[[bytes], None],
    find_node: Callable[[Environment, Document], Node],
) -> None:
    from plugin.route import route  # noqa: PLC0415 - what has come this far is well-formed, and worth what serves it

    node = find_node(environment, document)
    if node.settings.record_dir:
        from plugin.record import recorded  # noqa: PLC0415 - a setting that few nodes have

        recorded(lambda keep: route(environment, document, node, keep), environment, document, node, deliver)
    else:
        route(environment, document, node, deliver)


def _lacking(error: MemoryError | SystemError | ImportError) -> CniError:
    """What a call that ran out of memory is told: C code may forget to say so, and a library may not be loaded."""
    if not isinstance(error, ImportError):
        text = "the process has no memory left; let it have more, and call again"
        return TryAgain(text, f"what was begun is undone; {type(error).__name__}: {error}")
    return IoFailure(
        f"a part of the plugin cannot be loaded: {error}; let the process have more memory and descriptors, or install "
        "the plugin again",
        error.name or "",
    )


def _read(read_stdin: Callable[[], bytes]) -> bytes:
    try:
        return read_stdin()
    except OSError as error:
        raise IoFailure(
            f"error reading from stdin: {error}", "the runtime has to write the network configuration"
        ) from error


def _version_asked(stdin: bytes) -> str:
    """VERSION echoes the version that it is asked in; a runtime may also send nothing, and is not failed for it."""
    try:
        values = decode_object(stdin)
        return stated_version(values) if fold_keys(values, ["cniVersion"])[0] else versions.LATEST
    except CniError:
        return versions.LATEST


def _version_for_errors(stdin: bytes) -> str:
    try:
        return stated_version(decode_object(stdin))
    except CniError:
        return versions.LATEST


def _deliver_error(error: CniError, version: str, deliver: Callable[[bytes, int], None]) -> None:
    try:
        deliver(render_error(error, version), 1)
    except OSError as failure:
        import logging  # noqa: PLC0415 - as above

        logging.getLogger(__name__).warning("the answer could not be written: %s; it was: %s", failure, error)
