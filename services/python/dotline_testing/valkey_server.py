"""A real Valkey for tests."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_START_SECONDS_MAX = 30


def valkey_binary() -> str:
    """VALKEY_PATH, else valkey-server or redis-server on PATH; the test is skipped without one."""
    found = (
        os.environ.get("VALKEY_PATH")
        or shutil.which("valkey-server")
        or shutil.which("redis-server")
    )
    if found is None:
        pytest.skip("no valkey-server on PATH and no VALKEY_PATH")
    return found


@contextlib.contextmanager
def valkey_server(directory: Path) -> Iterator[str]:
    """Runs a server on loopback; yields its URL."""
    port = _free_port()
    command = [valkey_binary(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen([*command, "--dir", str(directory)], stdout=subprocess.DEVNULL) as server:
        try:
            _wait_until_open(port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_open(port: int) -> None:
    give_up_at = time.monotonic() + _START_SECONDS_MAX
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)
