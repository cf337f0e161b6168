package mesh.teams.people_test

import data.mesh.teams.people

now_s := 1800000000

asked(operation, signed_in_s) := {
	"operation": operation,
	"caller": "messenger-app",
	"claims": {"sub": "0b9c1f0e-8f7a-4a53-9a55-3f1f6c2d7e11", "iat": signed_in_s},
	"time_ms": now_s * 1000,
}

anonymous(operation) := object.union(asked(operation, now_s), {"claims": null})

test_who_is_signed_in_sees_her_profile if {
	people.allow_request with input as asked("whatsapp-profile.get", now_s - 3500)
}

test_who_has_just_signed_in_changes_it if {
	every operation in ["whatsapp-profile.save", "whatsapp-profile.erase"] {
		people.allow_request with input as asked(operation, now_s - 60)
		not people.allow_request with input as asked(operation, now_s - 901)
	}
}

test_nobody_comes_without_a_token if {
	every rule in people.request_rules {
		not people.allow_request with input as anonymous(rule.operation)
	}
}

test_each_operation_of_profiles_is_decided if {
	{rule.operation | some rule in people.request_rules} == {operation.id |
		some operation in data.catalog.services["whatsapp-profile"].operations
	}
}

test_whoever_decides_by_tokens_reads_the_keys if {
	{"service": "whatsapp-profile", "operation": "sessions.keys"} in people.needs
}
