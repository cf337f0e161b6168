"""Tests of the queues against a real Valkey."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from dotline_service.problem import StoreUnavailable
from dotline_service.valkey import Valkey
from whatsapp_notification.queue import WAITING_MAX, Notification, Queues

ALICE = UUID("0b9c1f0e-8f7a-4a53-9a55-3f1f6c2d7e11")
BOB = UUID("7c1a0e52-64a5-4c0c-8f0b-93a3a1a0e2b7")


@pytest.fixture
async def queues(tmp_path: Path) -> AsyncIterator[Queues]:
    """Queues in a server of their own, on a socket."""
    binary = os.environ.get("VALKEY_PATH") or shutil.which("valkey-server")
    if binary is None:
        pytest.skip("no valkey-server on PATH and no VALKEY_PATH")
    socket = tmp_path / "v"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)  # noqa: ASYNC220
    valkey = Valkey(f"unix://{socket}", "test:")
    for _ in range(100):
        try:
            await valkey.ping()
            break
        except StoreUnavailable:
            await asyncio.sleep(0.05)
    yield Queues(valkey)
    await valkey.close()
    server.terminate()
    server.wait()


def notification(number: int, person: UUID = ALICE) -> Notification:
    return Notification(id=f"n-{number}.{person}", personId=person, messageId=uuid4())


async def test_an_id_waits_once_and_never_again_after_it_was_seen(queues: Queues) -> None:
    first = notification(1)
    fresh = await asyncio.gather(*(queues.add(first) for _ in range(10)))
    assert sorted(fresh) == [False] * 9 + [True]
    assert [each.id for each in await queues.waiting(ALICE, 10)] == [first.id]
    await queues.seen(ALICE, [first.id, "unknown"])
    assert await queues.add(first) is False
    assert await queues.waiting(ALICE, 10) == []


async def test_oldest_first_and_each_person_her_own(queues: Queues) -> None:
    for number in range(4):
        await queues.add(notification(number))
        await queues.add(notification(number, BOB))
    await queues.seen(BOB, [notification(0, BOB).id, notification(2).id])
    assert [each.id[:3] for each in await queues.waiting(ALICE, 3)] == ["n-0", "n-1", "n-2"]
    assert [each.id[:3] for each in await queues.waiting(BOB, 10)] == ["n-1", "n-2", "n-3"]


async def test_the_oldest_make_way(queues: Queues) -> None:
    for number in range(WAITING_MAX + 5):
        await queues.add(notification(number))
    waiting = await queues.waiting(ALICE, WAITING_MAX + 5)
    assert len(waiting) == WAITING_MAX
    assert waiting[0].id == notification(5).id
