package mesh.teams.maps_test

import data.mesh.teams.maps

granted(operation) := {grant.caller | some grant in maps.grants; grant.operation == operation}

test_routes_look_places_up if {
	{"service": "routes", "operation": "maps.get-place"} in maps.needs
	{"team": "maps"} in granted("maps.get-place")
}

test_phones_find_places if {
	every operation in ["maps.nearest", "maps.search"] {
		{"service": "rider-app"} in granted(operation)
	}
}

test_phones_do_not_find_routes if {
	granted("routes.find") == {{"team": "pricing"}}
}

test_all_that_is_offered_only_reads if {
	every grant in maps.grants {
		data.catalog.operations[grant.operation].class == "read"
	}
}
