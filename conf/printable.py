"""Text from outside as it may be shown: on a terminal, in a line of a log, in a picture."""

from typing import Final

LONGEST: Final = 16 << 10
"""Characters of a log line's message: an error may name all of a value, and that may have megabytes."""


def printable(text: str) -> str:
    """The text with whatever would move a cursor, break a line, hide other text or have no character as an escape."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def shortened(text: str) -> str:
    """The text, or its beginning and how much more there is."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… and {len(text) - LONGEST} characters more"
