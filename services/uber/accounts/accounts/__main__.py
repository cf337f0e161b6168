"""Starts the service."""

import asyncio

from accounts.operations import routes
from accounts.store import MIGRATIONS, AccountStore
from dotline_service.postgresql import Database
from dotline_service.service import application, run_until_stopped
from dotline_service.settings import PostgresqlSettings, read_settings
from dotline_service.telemetry import Telemetry


async def main() -> None:
    """Wires the service and serves until it is stopped."""
    settings = read_settings(PostgresqlSettings)
    telemetry = Telemetry(settings)
    database = Database(settings.database_url, MIGRATIONS)
    await database.start()
    app = application(routes(AccountStore(database)), ready=database.ping)
    await run_until_stopped(app, settings.listen, [database])
    telemetry.stop()


asyncio.run(main())
