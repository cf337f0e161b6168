"""Fixtures of the Python services' tests."""

from collections.abc import Iterator

import pytest

from dotline_testing.valkey_server import valkey_server


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Valkey, shared by all tests; each takes a key prefix of its own."""
    with valkey_server(tmp_path_factory.mktemp("valkey")) as url:
        yield url
