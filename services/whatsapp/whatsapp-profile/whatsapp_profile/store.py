"""Profiles in PostgreSQL, one for each person."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, StringConstraints

from dotline_service.postgresql import Database

MIGRATIONS = [
    """
    create table profiles (
      person_id uuid primary key,
      name text not null,
      about text not null,
      updated_at timestamptz not null default now()
    );
    """,
]


class Profile(BaseModel):
    """What a person tells about herself."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    #: A line below the name.
    about: Annotated[str, StringConstraints(strip_whitespace=True, max_length=140)] = ""


class ProfileStore:
    """Every method raises StoreUnavailable while the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, person_id: UUID, profile: Profile) -> None:
        """Replaces what was there."""
        await self._database.fetch(
            """insert into profiles (person_id, name, about) values ($1, $2, $3)
               on conflict (person_id)
               do update set name = excluded.name, about = excluded.about, updated_at = now()""",
            person_id,
            profile.name,
            profile.about,
        )

    async def find(self, person_id: UUID) -> Profile | None:
        """The profile of a person who has filled it in."""
        row = await self._database.fetch_one(
            "select name, about from profiles where person_id = $1", person_id
        )
        return None if row is None else Profile(name=row["name"], about=row["about"])

    async def erase(self, person_id: UUID) -> None:
        """Erasing what is not there is no error."""
        await self._database.fetch("delete from profiles where person_id = $1", person_id)
