"""The node's settings file (TOML) → Settings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from conf.errors import InvalidSettings
from conf.keys import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_PATH = "/etc/cni-macvlan-py/settings.toml"
LONGEST_SECONDS = 86400
PATHS = ("state_dir", "log_file", "record_dir")
CHOICES = {
    "log_level": ("debug", "info", "warning", "error"),
    "log_format": ("text", "json", "journal"),
    "agent": ("external", "auto"),
    "status_exhausted": ("warning", "error"),
}


@dataclass(frozen=True)
class Settings:
    """What an operator sets once per node.

    ``state_dir`` holds the lease database; ``log_file`` empty means stderr; ``agent`` "external": a service manager
    runs it, "auto": a call that finds none leaves one behind; ``metrics`` is where the agent can be asked for numbers
    (conf/endpoint.py), empty: nowhere; ``record_dir`` is where calls are recorded, empty: nowhere;
    ``delegate_timeout`` is the seconds that other IPAM plugins, which are executed, may take in one call;
    ``release_before_link`` are the types of those that take addresses back while the interface is there;
    ``status_exhausted`` is what STATUS makes of a range without a free address: "warning" logs it, "error" fails.
    """

    state_dir: str = "/var/lib/cni/cni-macvlan-py"
    log_file: str = ""
    log_level: str = "warning"
    log_format: str = "text"
    agent: str = "external"
    record_dir: str = ""
    delegate_timeout: float = 110.0  # below what callers of the agent wait
    release_before_link: tuple[str, ...] = ("dhcp",)
    metrics: str = ""
    status_exhausted: str = "warning"


def parse_settings(text: bytes, path: str) -> Settings:
    """Parse the file's content; ``path`` is for messages. Raises InvalidSettings naming file, key and value."""
    import tomllib  # noqa: PLC0415 - 10 ms that a node without a settings file need not pay on every call

    try:
        document = tomllib.loads(text.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSettings(f"{path}: not a TOML file: {error}", "mend the file or remove it") from error
    known = [field.name for field in fields(Settings)]
    for key, value in document.items():
        if key not in known:
            raise InvalidSettings(
                f'{path}: unknown key "{key}" = {value!r}; {did_you_mean(key, known)}', "mend the file"
            )
        _require_sort(path, key, value)
    values: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in document.items()}
    settings = Settings(**values)
    for objection in _objections(settings):
        raise InvalidSettings(f"{path}: {objection}", "mend the file")
    return settings


def _objections(settings: Settings) -> Iterator[str]:
    """What is wrong with the values, each with its key, its value and the cure."""
    for key in PATHS:
        value = getattr(settings, key)
        if value != getattr(Settings, key) and not value.startswith("/"):
            yield f'"{key}" = "{value}" is not an absolute path; begin it with /'
    for key, choices in CHOICES.items():
        value = getattr(settings, key)
        if value not in choices:
            yield f'"{key}" = "{value}" is unknown; use one of {", ".join(choices)}'
    if settings.log_format == "journal" and settings.log_file:
        yield f'"log_format" = "journal" and "log_file" = "{settings.log_file}" exclude each other; remove one'
    if settings.metrics:
        from conf.endpoint import read_endpoint  # noqa: PLC0415 - for nodes that have the key

        try:
            read_endpoint(settings.metrics)
        except ValueError as error:
            yield f'"metrics" = "{settings.metrics}" is no place to listen: {error}'


def _require_sort(path: str, key: str, value: object) -> None:
    """Raise InvalidSettings unless the value is of the sort that the key's default is of."""
    default = getattr(Settings, key)
    if isinstance(default, tuple):
        if not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            raise InvalidSettings(f'{path}: "{key}" = {value!r} is no list of strings, as in ["dhcp"]', "mend the file")
    elif isinstance(default, str):
        if not isinstance(value, str):
            raise InvalidSettings(f'{path}: "{key}" = {value!r} is not a string; put it in quotes', "mend the file")
    elif not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= LONGEST_SECONDS:
        raise InvalidSettings(
            f'{path}: "{key}" = {value!r} is no time; use seconds above 0 and up to {LONGEST_SECONDS}', "mend the file"
        )
