package mesh.teams.community_test

import data.mesh.teams.community

callers(operation) := {grant.caller | some grant in community.grants; grant.operation == operation}

test_phones_found_and_list_groups if {
	every operation in ["groups.create", "groups.list"] {
		callers(operation) == {{"service": "messenger-app"}}
	}
}

test_membership_is_asked_by_the_team_that_delivers_to_groups if {
	callers("groups.members") == {{"team": data.catalog.services.text.team}}
	data.catalog.services["messenger-app"].team != data.catalog.services.text.team
}

test_groups_verify_and_need_nothing_else if {
	community.needs == {{"service": "groups", "operation": "sessions.verify"}}
}
