"""Starts the service."""

import asyncio

from dotline_service.peers import Peers
from dotline_service.postgresql import Database
from dotline_service.service import application, run_until_stopped
from dotline_service.settings import PostgresqlSettings, read_settings
from dotline_service.telemetry import Telemetry
from whatsapp_profile.operations import routes
from whatsapp_profile.store import MIGRATIONS, ProfileStore


async def main() -> None:
    """Wires the service and serves until it is stopped."""
    settings = read_settings(PostgresqlSettings)
    telemetry = Telemetry(settings)
    database = Database(settings.database_url, MIGRATIONS)
    peers = Peers(settings.outbound)
    await database.start()
    await peers.start()
    app = application(routes(ProfileStore(database), peers), ready=database.ping)
    await run_until_stopped(app, settings.listen, [peers, database])
    telemetry.stop()


asyncio.run(main())
