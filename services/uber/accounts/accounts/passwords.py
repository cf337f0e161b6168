"""Hashes of passwords."""

import asyncio
import hashlib
import hmac
import os
from dataclasses import dataclass

#: 8 MiB and about 25 ms a hash.
_COST = {"n": 2**13, "r": 8, "p": 1, "dklen": 32}

#: How many hashes are computed at once; more would only take memory and the service's other core.
_AT_ONCE = asyncio.Semaphore(2)


@dataclass(frozen=True)
class PasswordHash:
    """What is stored in place of a password."""

    salt: bytes
    digest: bytes


async def hash_password(password: str) -> PasswordHash:
    """Hashes with a fresh salt."""
    salt = os.urandom(16)
    return PasswordHash(salt, await _scrypt(password, salt))


async def is_password(password: str, stored: PasswordHash) -> bool:
    """Whether the password is the one that was hashed; takes the same time either way."""
    return hmac.compare_digest(await _scrypt(password, stored.salt), stored.digest)


async def _scrypt(password: str, salt: bytes) -> bytes:
    async with _AT_ONCE:
        return await asyncio.to_thread(hashlib.scrypt, password.encode(), salt=salt, **_COST)
