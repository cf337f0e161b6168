"""Tests of what a profile may hold, and of who reaches it, over a real socket."""

from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web
from pydantic import ValidationError

from dotline_service.peers import Peers
from dotline_service.service import application
from whatsapp_profile.operations import routes
from whatsapp_profile.store import Profile

ALICE = UUID("0b9c1f0e-8f7a-4a53-9a55-3f1f6c2d7e11")


@pytest.mark.parametrize(
    ("name", "about", "valid"),
    [
        ("Alice", "", True),
        ("  Alice  ", "at sea", True),
        ("   ", "", False),
        ("A" * 101, "", False),
        ("Alice", "x" * 141, False),
    ],
)
def test_profiles_are_checked(name: str, about: str, valid: bool) -> None:
    if valid:
        assert Profile(name=name, about=about).name == name.strip()
    else:
        with pytest.raises(ValidationError):
            Profile(name=name, about=about)


class InMemory:
    """The store's contract in a dictionary; the journey test uses the real one."""

    def __init__(self) -> None:
        self.kept: dict[UUID, Profile] = {}

    async def save(self, person_id: UUID, profile: Profile) -> None:
        self.kept[person_id] = profile

    async def find(self, person_id: UUID) -> Profile | None:
        return self.kept.get(person_id)

    async def erase(self, person_id: UUID) -> None:
        self.kept.pop(person_id, None)


async def _verify(request: web.Request) -> web.Response:
    if (await request.json())["token"] == "token-of-alice":
        return web.json_response({"personId": str(ALICE)})
    return web.json_response({}, status=401)


async def _nothing() -> None:
    return None


@pytest.fixture
async def peers(tmp_path: Path):
    """Calls that end at a service of sessions with one token."""
    sessions = web.Application()
    sessions.add_routes([web.post("/v1/sessions/verify", _verify)])
    runner = web.AppRunner(sessions)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "out")).start()
    made = Peers(str(tmp_path / "out"))
    await made.start()
    yield made
    await made.close()
    await runner.cleanup()


async def test_a_profile_belongs_to_the_tokens_holder(peers: Peers, tmp_path: Path) -> None:
    store = InMemory()
    runner = web.AppRunner(application(routes(store, peers), ready=_nothing))
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "in")).start()
    connector = aiohttp.UnixConnector(path=str(tmp_path / "in"))
    async with aiohttp.ClientSession("http://app", connector=connector) as client:
        alice = {"Authorization": "Bearer token-of-alice"}
        stranger = {"Authorization": "Bearer token-of-nobody"}
        profile = {"name": "Alice", "about": "at sea"}
        assert (await client.get("/v1/profile", headers=alice)).status == 404
        for headers in ({}, stranger):
            answer = await client.put("/v1/profile", json=profile, headers=headers)
            assert answer.status == 401
        assert store.kept == {}
        assert (await client.put("/v1/profile", json=profile, headers=alice)).status == 200
        read = await client.get("/v1/profile", headers=alice)
        assert await read.json() == {"personId": str(ALICE), **profile}
        assert (await client.delete("/v1/profile", headers=alice)).status == 204
        assert store.kept == {}
    await runner.cleanup()
