"""Inboxes in Valkey: a list for each recipient, newest first."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from dotline_service.valkey import Valkey

#: Older ones fall out of the inbox.
INBOX_LENGTH_MAX = 100
_KEPT_SECONDS = 7 * 24 * 3600
_REMEMBERED_SECONDS = 24 * 3600

Recipient = Annotated[
    str, StringConstraints(max_length=90, pattern=r"^(rider|driver):[A-Za-z0-9-]+$")
]


class Notification(BaseModel):
    """One message to one recipient."""

    #: Chosen by the sender; the same id is delivered once.
    id: Annotated[str, StringConstraints(max_length=120, pattern=r"^[A-Za-z0-9._:-]+$")]
    recipient: Recipient
    kind: Literal["matched", "completed", "rejected", "unmatched", "declined"]
    text: Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Delivered(Notification):
    """A notification in an inbox."""

    sent_at: datetime = Field(alias="sentAt")


# Remembering the id and filling the inbox are one step, so a retry neither loses nor doubles it.
_DELIVER = """
if not redis.call('set', KEYS[1], 1, 'NX', 'EX', ARGV[2]) then return 0 end
redis.call('lpush', KEYS[2], ARGV[1])
redis.call('ltrim', KEYS[2], 0, ARGV[3])
redis.call('expire', KEYS[2], ARGV[4])
return 1
"""


class Inboxes:
    """Every method raises StoreUnavailable while Valkey does not answer."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey

    async def deliver(self, notification: Notification) -> bool:
        """Puts it into the recipient's inbox; False when its id was delivered before."""
        delivered = Delivered(**notification.model_dump(), sentAt=datetime.now(UTC))
        keys = [
            self._valkey.key("delivered", notification.id),
            self._valkey.key("inbox", notification.recipient),
        ]
        arguments = [
            delivered.model_dump_json(by_alias=True),
            _REMEMBERED_SECONDS,
            INBOX_LENGTH_MAX - 1,
            _KEPT_SECONDS,
        ]
        put = await self._valkey.run(
            lambda redis: redis.eval(_DELIVER, len(keys), *keys, *arguments)
        )
        return put == 1

    async def read(self, recipient: str, limit: int) -> list[Delivered]:
        """The newest notifications of a recipient."""
        key = self._valkey.key("inbox", recipient)
        lines = await self._valkey.run(lambda redis: redis.lrange(key, 0, limit - 1))
        return [Delivered.model_validate_json(line) for line in lines]
