package mesh.teams.riders_test

import data.mesh.teams.riders

needed := {need.operation | some need in riders.needs}

test_every_needed_operation_exists if {
	every operation in needed {
		data.catalog.operations[operation]
	}
}

test_only_the_teams_own_services_speak if {
	every need in riders.needs {
		data.catalog.services[need.service].team == "riders"
	}
}

test_money_and_drivers_are_reached_through_orders_alone if {
	every operation in needed {
		not data.catalog.operations[operation].service in {"payment", "drivers", "fraud", "routes"}
	}
}

test_phones_offer_nothing_to_other_services if not riders.grants
