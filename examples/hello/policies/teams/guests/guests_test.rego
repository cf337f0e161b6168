package mesh.teams.guests_test

import data.mesh.teams.guests

test_visitor_needs_only_a_greeting if {
	guests.needs == {{"service": "visitor", "operation": "greeter.greet"}}
}
