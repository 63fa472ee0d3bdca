"""Fixtures for the tests of downloads."""

from download_server import served, server

__all__ = ["served", "server"]
