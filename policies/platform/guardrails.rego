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
# title: Critical services do not depend on best-effort services
# description: |
#   A service is only as available as what it needs. If a critical service needs another one, that one's
#   tier has to say so.
deny contains {
	"caller": candidate.caller,
	"operation": candidate.operation,
	"reason": sprintf(
		"%s is critical and may not need %s of %s, which is best-effort",
		[candidate.caller, candidate.operation, candidate.callee],
	),
} if {
	some candidate in input.candidates
	data.catalog.services[candidate.caller].tier == "critical"
	data.catalog.services[candidate.callee].tier == "best-effort"
}
