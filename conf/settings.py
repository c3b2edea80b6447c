"""The node's settings file (TOML) → Settings."""

from __future__ import annotations

from dataclasses import dataclass, fields

from conf.errors import InvalidSettings
from conf.keys import did_you_mean

DEFAULT_PATH = "/etc/cni-macvlan-py/settings.toml"
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json", "journal")
AGENTS = ("external", "auto")
LONGEST_SECONDS = 86400


@dataclass(frozen=True)
class Settings:
    """What an operator sets once per node.

    ``state_dir`` holds the lease database; ``log_file`` empty means stderr; ``log_level`` is one of LOG_LEVELS
    and ``log_format`` of LOG_FORMATS; ``agent`` "external": a service manager runs it, "auto": a call that finds none
    leaves one behind;
    ``delegate_timeout`` is the seconds that other IPAM plugins, which are executed, may take in one call.
    """

    state_dir: str = "/var/lib/cni/cni-macvlan-py"
    log_file: str = ""
    log_level: str = "warning"
    log_format: str = "text"
    agent: str = "external"
    delegate_timeout: float = 110.0  # below what callers of the agent wait


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
    settings = Settings(**document)
    for key in ("state_dir", "log_file"):
        value = getattr(settings, key)
        if value != getattr(Settings, key) and not value.startswith("/"):
            raise InvalidSettings(
                f'{path}: "{key}" = "{value}" is not an absolute path; begin it with /', "mend the file"
            )
    for key, choices in (("log_level", LOG_LEVELS), ("log_format", LOG_FORMATS), ("agent", AGENTS)):
        value = getattr(settings, key)
        if value not in choices:
            raise InvalidSettings(
                f'{path}: "{key}" = "{value}" is unknown; use one of {", ".join(choices)}', "mend the file"
            )
    if settings.log_format == "journal" and settings.log_file:
        raise InvalidSettings(
            f'{path}: "log_format" = "journal" and "log_file" = "{settings.log_file}" exclude each other; remove one',
            "mend the file",
        )
    return settings


def _require_sort(path: str, key: str, value: object) -> None:
    """Raise InvalidSettings unless the value is of the sort that the key's default is of."""
    if isinstance(getattr(Settings, key), str):
        if not isinstance(value, str):
            raise InvalidSettings(f'{path}: "{key}" = {value!r} is not a string; put it in quotes', "mend the file")
    elif not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= LONGEST_SECONDS:
        raise InvalidSettings(
            f'{path}: "{key}" = {value!r} is no time; use seconds above 0 and up to {LONGEST_SECONDS}', "mend the file"
        )
