"""Notifications that wait for a person's phone: a list in Valkey for each person, oldest first."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from dotline_service.valkey import Valkey

#: The oldest ones make way; the messages themselves are kept elsewhere.
WAITING_MAX = 200
_KEPT_SECONDS = 7 * 24 * 3600

NotificationId = Annotated[str, StringConstraints(max_length=120, pattern=r"^[A-Za-z0-9._:-]+$")]


class Notification(BaseModel):
    """Tells one person of one message."""

    #: Chosen by the sender; the same id waits once, also after it was seen.
    id: NotificationId
    person_id: UUID = Field(alias="personId")
    message_id: UUID = Field(alias="messageId")


class Waiting(Notification):
    """A notification that a phone has not seen."""

    at: datetime


# The list holds ids. A document outlives its place in the list, and while it lives its id is known.
_ADD = """
if not redis.call('set', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[3]) then return 0 end
redis.call('rpush', KEYS[2], ARGV[2])
redis.call('ltrim', KEYS[2], -ARGV[4], -1)
redis.call('expire', KEYS[2], ARGV[3])
return 1
"""


class Queues:
    """Every method raises StoreUnavailable while Valkey does not answer."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey

    async def add(self, notification: Notification) -> bool:
        """Lets it wait for its person's phone; False when its id is known already."""
        waiting = Waiting(**notification.model_dump(by_alias=True), at=datetime.now(UTC))
        document = waiting.model_dump_json(by_alias=True)
        keys = [self._document(notification.id), self._list(notification.person_id)]
        arguments = [document, notification.id, _KEPT_SECONDS, WAITING_MAX]
        added = await self._valkey.run(lambda redis: redis.eval(_ADD, len(keys), *keys, *arguments))
        return added == 1

    async def waiting(self, person_id: UUID, limit: int) -> list[Waiting]:
        """The oldest notifications that the person's phone has not seen."""
        key = self._list(person_id)
        ids = await self._valkey.run(lambda redis: redis.lrange(key, 0, limit - 1))
        if not ids:
            return []
        documents = await self._valkey.run(
            lambda redis: redis.mget([self._document(each) for each in ids])
        )
        return [Waiting.model_validate_json(each) for each in documents if each is not None]

    async def seen(self, person_id: UUID, ids: list[str]) -> None:
        """Takes notifications off a person's list; unknown ones are gone already."""
        key = self._list(person_id)
        for each in ids:
            await self._valkey.run(lambda redis, each=each: redis.lrem(key, 1, each))

    def _document(self, notification_id: str) -> str:
        return self._valkey.key("notification", notification_id)

    def _list(self, person_id: UUID) -> str:
        return self._valkey.key("waiting", str(person_id))
