package mesh.teams.marketplace_test

import data.mesh.teams.marketplace

callers(operation) := {grant.caller | some grant in marketplace.grants; grant.operation == operation}

test_only_orders_reserve_and_release if {
	every operation in ["drivers.reserve", "drivers.release"] {
		callers(operation) == {{"service": "orders"}}
	}
}

test_pricing_counts_drivers if callers("drivers.nearby") == {{"team": "pricing"}}

test_writes_are_granted_by_name if {
	every grant in marketplace.grants {
		writes_by_name(grant)
	}
}

writes_by_name(grant) if data.catalog.operations[grant.operation].class == "read"

writes_by_name(grant) if grant.caller.service

test_nobody_moves_drivers_yet if count(callers("drivers.report-position")) == 0
