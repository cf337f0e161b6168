package mesh.platform.guardrails_test

import data.mesh.platform.guardrails

services := {
	"checkout": {"name": "checkout", "tier": "critical"},
	"profile": {"name": "profile", "tier": "standard"},
	"hints": {"name": "hints", "tier": "best-effort"},
}

candidate(changes) := object.union(
	{
		"caller": "checkout",
		"callee": "profile",
		"operation": "profile.get",
		"class": "read",
		"grantedTo": ["service"],
	},
	changes,
)

refused(changes) if {
	denials := guardrails.deny with input as {"candidates": [candidate(changes)]}
		with data.catalog.services as services
	some denial in denials
	denial.caller == candidate(changes).caller
	denial.operation == candidate(changes).operation
	denial.reason != ""
}

test_an_ordinary_edge_passes if not refused({})

test_personal_data_granted_to_a_service_passes if not refused({"class": "pii"})

test_personal_data_granted_to_more_than_services_is_refused if {
	every kind in ["team", "tier", "product", "baseline"] {
		refused({"class": "pii", "grantedTo": [kind]})
	}
}

test_personal_data_granted_by_name_and_by_team_passes if {
	not refused({"class": "pii", "grantedTo": ["service", "team"]})
}

test_other_classes_may_be_granted_to_a_product if {
	every class in ["read", "write"] {
		not refused({"class": class, "grantedTo": ["product"]})
	}
}

test_a_critical_service_may_not_need_a_best_effort_one if {
	refused({"callee": "hints", "operation": "hints.get"})
}

test_a_standard_service_may_need_a_best_effort_one if {
	not refused({"caller": "profile", "callee": "hints", "operation": "hints.get"})
}

test_a_best_effort_service_may_need_a_critical_one if {
	not refused({"caller": "hints", "callee": "checkout", "operation": "checkout.get"})
}
