import asyncio

import pytest

from dotline_service.valkey import Valkey
from uber_notification.inbox import INBOX_LENGTH_MAX, Inboxes, Notification


@pytest.fixture
async def inboxes(valkey_url: str, request: pytest.FixtureRequest):
    valkey = Valkey(valkey_url, f"{request.node.name}:")
    yield Inboxes(valkey)
    await valkey.close()


def note(number: int, recipient: str = "rider:r1") -> Notification:
    return Notification(id=f"n{number}", recipient=recipient, kind="matched", text=f"text {number}")


async def test_the_newest_comes_first_and_each_inbox_is_its_own(inboxes: Inboxes) -> None:
    for number in range(3):
        assert await inboxes.deliver(note(number))
    await inboxes.deliver(note(9, "driver:d1"))
    assert [entry.id for entry in await inboxes.read("rider:r1", 2)] == ["n2", "n1"]
    assert [entry.id for entry in await inboxes.read("driver:d1", 10)] == ["n9"]
    assert await inboxes.read("rider:nobody", 10) == []


async def test_an_id_is_delivered_once_however_often_it_is_sent(inboxes: Inboxes) -> None:
    fresh = await asyncio.gather(*(inboxes.deliver(note(1)) for _ in range(20)))
    assert sum(fresh) == 1
    assert len(await inboxes.read("rider:r1", 10)) == 1


async def test_an_inbox_is_bounded(inboxes: Inboxes) -> None:
    for number in range(INBOX_LENGTH_MAX + 5):
        await inboxes.deliver(note(number))
    entries = await inboxes.read("rider:r1", INBOX_LENGTH_MAX + 5)
    assert len(entries) == INBOX_LENGTH_MAX
    assert entries[0].id == f"n{INBOX_LENGTH_MAX + 4}"
