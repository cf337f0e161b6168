package mesh.teams.people_test

import data.mesh.teams.people

callers(operation) := {grant.caller | some grant in people.grants; grant.operation == operation}

test_all_we_grant_is_personal_and_goes_to_named_services if {
	count(people.grants) > 0
	every grant in people.grants {
		data.catalog.operations[grant.operation].class == "pii"
		grant.caller.service
	}
}

test_who_knows_whom_is_told_to_text_alone if callers("contacts.check") == {{"service": "text"}}

test_each_of_our_services_verifies_tokens if {
	ours := {service.name | some service in data.catalog.services; service.team == "people"}
	ours == {need.service | some need in people.needs; need.operation == "sessions.verify"}
	{"contacts", "whatsapp-profile"} == ours
}

test_a_new_service_of_ours_verifies_tokens_too if {
	needs := people.needs with data.catalog.services as {"avatars": {"name": "avatars", "team": "people"}}
	{"service": "avatars", "operation": "sessions.verify"} in needs
}

test_profiles_look_nobody_up if {
	lookers := {need.service | some need in people.needs; need.operation == "sessions.find-person"}
	lookers == {"contacts"}
}

test_nobody_erases_profiles_of_others if count(callers("whatsapp-profile.erase")) == 0
