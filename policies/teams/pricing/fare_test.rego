package mesh.teams.pricing_test

import data.mesh.teams.pricing

test_fare_only_reads if {
	every need in pricing.needs {
		data.catalog.operations[need.operation].class == "read"
	}
}

test_fare_reserves_no_driver if {
	not {"service": "fare", "operation": "drivers.reserve"} in pricing.needs
}

test_only_phones_ask_for_estimates if {
	callers := {grant.caller | some grant in pricing.grants; grant.operation == "fare.estimate"}
	callers == {{"service": "rider-app"}}
}

test_the_rides_team_reads_agreed_prices if {
	{"operation": "fare.get-estimate", "caller": {"team": data.catalog.services.orders.team}} in pricing.grants
}

test_grants_are_the_teams_own_operations if {
	every grant in pricing.grants {
		service := data.catalog.operations[grant.operation].service
		data.catalog.services[service].team == "pricing"
	}
}
