package mesh.teams.access_test

import data.mesh.teams.access

callers(operation) := {grant.caller | some grant in access.grants; grant.operation == operation}

test_only_phones_register_and_sign_in if {
	every operation in ["sessions.register", "sessions.sign-in"] {
		callers(operation) == {{"service": "messenger-app"}}
	}
}

test_the_product_verifies_tokens if {
	callers("sessions.verify") == {{"product": data.catalog.services.sessions.product}}
}

test_numbers_are_looked_up_for_address_books_alone if {
	data.catalog.operations["sessions.find-person"].class == "pii"
	callers("sessions.find-person") == {{"service": "contacts"}}
}

test_writes_and_personal_data_go_to_named_services if {
	every grant in access.grants {
		named_unless_read(grant)
	}
}

named_unless_read(grant) if data.catalog.operations[grant.operation].class == "read"

named_unless_read(grant) if grant.caller.service

test_sessions_depend_on_nobody if not access.needs
