"""Stores that are closed at the end of a test, as those of the tests without root are."""

from tests.unit.ipam.conftest import opening

__all__ = ["opening"]
