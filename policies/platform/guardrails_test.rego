package mesh.platform.guardrails_test

import data.mesh.platform.guardrails

services := {
	"checkout": {"tier": "critical", "stage": "production", "router": false},
	"ledger": {"tier": "critical", "stage": "production", "router": false},
	"profile": {"tier": "standard", "stage": "production", "router": false},
	"hints": {"tier": "best-effort", "stage": "production", "router": false},
	"gateway": {"tier": "critical", "stage": "production", "router": true},
	"trial": {"tier": "critical", "stage": "development", "router": false},
}

operations := {
	"ledger.post": {"purposes": []},
	"ledger.balance": {"purposes": ["billing", "support"]},
	"ledger.audit": {"purposes": []},
}

cell_1 := {"callerCells": ["cell-1"], "calleeCells": ["cell-1"], "sharedCells": ["cell-1"]}

apart := {"callerCells": ["cell-1"], "calleeCells": ["cell-2", "cell-3"], "sharedCells": []}

ordinary := object.union(cell_1, {
	"caller": "checkout",
	"callee": "ledger",
	"operation": "ledger.post",
	"class": "write",
	"purpose": "",
	"optional": false,
	"grantedTo": ["service"],
})

candidate(changes) := object.union(ordinary, changes)

denials(changes) := denials_of([candidate(changes)])

denials_of(candidates) := denied if {
	denied := guardrails.deny with input as {"candidates": candidates}
		with data.catalog.services as services
		with data.catalog.operations as operations
}

reasons(changes) := {denial.reason | some denial in denials(changes)}

passes(changes) if count(denials(changes)) == 0

test_an_ordinary_edge_passes if passes({})

test_a_denial_is_about_its_candidate if {
	some denial in denials({"class": "pii"})
	denial.caller == "checkout"
	denial.operation == "ledger.post"
}

# Who gets personal data

personal := {"class": "pii", "operation": "ledger.balance", "purpose": "billing"}

test_personal_data_granted_to_a_service_passes if passes(personal)

test_personal_data_granted_to_more_than_services_is_refused if {
	every kind in ["team", "tier", "product", "baseline"] {
		not passes(object.union(personal, {"grantedTo": [kind]}))
	}
}

test_personal_data_granted_by_name_and_by_team_passes if {
	passes(object.union(personal, {"grantedTo": ["service", "team"]}))
}

test_other_classes_may_be_granted_to_a_product if {
	every class in ["read", "write"] {
		passes({"class": class, "grantedTo": ["product"]})
	}
}

# What for

test_each_declared_purpose_passes if {
	every purpose in operations["ledger.balance"].purposes {
		passes(object.union(personal, {"purpose": purpose}))
	}
}

test_another_purpose_is_refused_and_the_declared_ones_are_told if {
	denials(object.union(personal, {"purpose": "advertising"})) == {{
		"caller": "checkout",
		"operation": "ledger.balance",
		"purpose": "advertising",
		"reason": concat("", [
			"ledger.balance is personal data, and checkout may not have it for advertising; ",
			"it may be used for billing, support",
		]),
	}}
}

test_a_need_without_purpose_is_refused if {
	reasons(object.union(personal, {"purpose": ""})) == {concat("", [
		"ledger.balance is personal data, and checkout states no purpose; ",
		"it may be used for billing, support",
	])}
}

test_without_declared_purposes_nobody_gets_personal_data if {
	every purpose in ["", "billing"] {
		some reason in reasons({"class": "pii", "operation": "ledger.audit", "purpose": purpose})
		endswith(reason, "its service.yaml declares no purposes, so nobody may use it")
	}
}

test_other_classes_may_have_any_purpose_or_none if {
	every purpose in ["", "anything"] {
		passes({"purpose": purpose})
	}
}

# What critical services depend on

test_a_critical_service_may_not_depend_on_a_lower_tier if {
	every callee in ["profile", "hints"] {
		some reason in reasons({"callee": callee})
		contains(reason, `its need says "optional": true`)
	}
}

test_a_critical_service_may_need_what_it_works_on_without if {
	every callee in ["profile", "hints"] {
		passes({"callee": callee, "optional": true})
	}
}

test_other_services_may_depend_on_any_tier if {
	every caller in ["profile", "hints"] {
		every callee in ["ledger", "profile", "hints"] {
			passes({"caller": caller, "callee": callee})
		}
	}
}

# Cells

test_services_without_a_common_cell_are_refused if {
	reasons(apart) == {"checkout runs in cell-1 and ledger in cell-2, cell-3, and neither is a router"}
}

test_a_router_goes_from_cell_to_cell if {
	passes(object.union(apart, {"callee": "gateway"}))
	passes(object.union(apart, {"caller": "gateway"}))
}

test_one_common_cell_is_enough if {
	passes({"callerCells": ["cell-1", "cell-2"], "calleeCells": ["cell-2"], "sharedCells": ["cell-2"]})
}

# Stages

test_production_and_development_never_mix if {
	reasons({"caller": "trial"}) == {"trial is in development and ledger in production"}
	reasons({"callee": "trial"}) == {"checkout is in production and trial in development"}
}

test_services_of_one_stage_may_talk if passes({"caller": "trial", "callee": "trial"})

# All of them

test_nothing_makes_another_candidate_pass if {
	denials_of([candidate({"caller": "trial"}), ordinary]) == denials({"caller": "trial"})
}
