package mesh.platform.guardrails

# METADATA
# title: Personal data is granted to named services only
# description: |
#   Consent to hand out personal data must name each service that receives it. Granting it to a whole
#   team, tier or product would hand it to services that do not exist yet.
deny contains {
	"caller": candidate.caller,
	"operation": candidate.operation,
	"reason": sprintf(
		"%s is personal data, so it may be granted only to named services, not to a %s",
		[candidate.operation, concat(" or a ", candidate.grantedTo)],
	),
} if {
	some candidate in input.candidates
	candidate.class == "pii"
	not "service" in candidate.grantedTo
}

# METADATA
# title: Personal data is used for declared purposes only
# description: |
#   Whoever keeps personal data declares what it may be used for, and whoever needs it says which of
#   these purposes it has. Each purpose is refused on its own: another one of the same caller stays.
deny contains {
	"caller": candidate.caller,
	"operation": candidate.operation,
	"purpose": candidate.purpose,
	"reason": sprintf("%s is personal data, and %s; %s", [
		candidate.operation,
		stated_purpose(candidate),
		allowed_purposes(purposes),
	]),
} if {
	some candidate in input.candidates
	candidate.class == "pii"
	purposes := data.catalog.operations[candidate.operation].purposes
	not candidate.purpose in purposes
}

stated_purpose(candidate) := sprintf("%s states no purpose", [candidate.caller]) if candidate.purpose == ""

stated_purpose(candidate) := sprintf("%s may not have it for %s", [candidate.caller, candidate.purpose]) if {
	candidate.purpose != ""
}

allowed_purposes(purposes) := "its service.yaml declares no purposes, so nobody may use it" if {
	count(purposes) == 0
}

allowed_purposes(purposes) := sprintf("it may be used for %s", [concat(", ", purposes)]) if {
	count(purposes) > 0
}

# METADATA
# title: Critical services depend on critical services
# description: |
#   A service is only as available as what it cannot work without. A critical service may need an
#   operation of a lower tier when it works on without it, and says so.
deny contains {
	"caller": candidate.caller,
	"operation": candidate.operation,
	"purpose": candidate.purpose,
	"reason": sprintf(
		`%s is critical and may not depend on %s of %s, which is %s; if it works on without it, its need says "optional": true`,
		[candidate.caller, candidate.operation, candidate.callee, tier],
	),
} if {
	some candidate in input.candidates
	not candidate.optional
	data.catalog.services[candidate.caller].tier == "critical"
	tier := data.catalog.services[candidate.callee].tier
	tier != "critical"
}

# METADATA
# title: Nothing goes from cell to cell, except through a router
# description: |
#   A cell is the smallest unit of failure, so what is broken in one must not reach the services of
#   another. Two services talk when they share a cell, or when one of them is a router.
deny contains {
	"caller": candidate.caller,
	"operation": candidate.operation,
	"reason": sprintf(
		"%s runs in %s and %s in %s, and neither is a router",
		[candidate.caller, concat(", ", candidate.callerCells), candidate.callee, concat(", ", candidate.calleeCells)],
	),
} if {
	some candidate in input.candidates
	candidate.sharedCells == []
	not data.catalog.services[candidate.caller].router
	not data.catalog.services[candidate.callee].router
}

# METADATA
# title: Production and development never mix
# description: |
#   What is being tried out must neither see production's data nor be what production waits for.
deny contains {
	"caller": candidate.caller,
	"operation": candidate.operation,
	"reason": sprintf(
		"%s is in %s and %s in %s",
		[candidate.caller, caller_stage, candidate.callee, callee_stage],
	),
} if {
	some candidate in input.candidates
	caller_stage := data.catalog.services[candidate.caller].stage
	callee_stage := data.catalog.services[candidate.callee].stage
	caller_stage != callee_stage
}
