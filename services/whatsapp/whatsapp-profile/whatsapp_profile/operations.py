"""The service's operations over HTTP: each person keeps her own profile."""

from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, Field

from dotline_service.bearer import verify_bearer
from dotline_service.parse import parse_body
from dotline_service.peers import Peers
from dotline_service.problem import not_found
from whatsapp_profile.store import Profile, ProfileStore


class Holder(BaseModel):
    """What `sessions` answers."""

    person_id: UUID = Field(alias="personId")


class Operations:
    """Handlers of the operations."""

    def __init__(self, profiles: ProfileStore, peers: Peers) -> None:
        self._profiles = profiles
        self._peers = peers

    async def save(self, request: web.Request) -> web.Response:
        """Replaces the profile of the token's holder."""
        profile = await parse_body(request, Profile)
        person_id = await self._holder(request)
        await self._profiles.save(person_id, profile)
        return _reply(person_id, profile)

    async def get(self, request: web.Request) -> web.Response:
        """The profile of the token's holder."""
        person_id = await self._holder(request)
        profile = await self._profiles.find(person_id)
        if profile is None:
            raise not_found(f"profile of {person_id}")
        return _reply(person_id, profile)

    async def erase(self, request: web.Request) -> web.Response:
        """Forgets what the token's holder told."""
        await self._profiles.erase(await self._holder(request))
        return web.Response(status=204)

    async def _holder(self, request: web.Request) -> UUID:
        at = ("sessions", "/v1/sessions/verify")
        return (await verify_bearer(self._peers, request, *at, Holder)).person_id


def routes(profiles: ProfileStore, peers: Peers) -> list[web.RouteDef]:
    """The operations as routes."""
    operations = Operations(profiles, peers)
    return [
        web.put("/v1/profile", operations.save),
        web.get("/v1/profile", operations.get),
        web.delete("/v1/profile", operations.erase),
    ]


def _reply(person_id: UUID, profile: Profile) -> web.Response:
    return web.json_response({"personId": str(person_id), **profile.model_dump()})
