package mesh.teams.identity_test

import data.mesh.teams.identity

callers(operation) := {grant.caller | some grant in identity.grants; grant.operation == operation}

test_personal_data_goes_to_named_services if {
	every grant in identity.grants {
		named_if_personal(grant)
	}
}

named_if_personal(grant) if data.catalog.operations[grant.operation].class != "pii"

named_if_personal(grant) if grant.caller.service

test_the_product_verifies_tokens if {
	callers("accounts.verify-token") == {{"product": data.catalog.services.accounts.product}}
}

test_only_phones_sign_people_in if callers("accounts.sign-in") == {{"service": "rider-app"}}

test_profiles_verify_their_readers if {
	{"service": "uber-profile", "operation": "accounts.verify-token"} in identity.needs
}

test_nobody_erases_profiles_of_others if count(callers("uber-profile.erase")) == 0
