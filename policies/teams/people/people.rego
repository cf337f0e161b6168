package mesh.teams.people

# METADATA
# title: Whatever we keep is shown to its owner alone
# description: For each service of the team, also one that is yet to come.
needs contains {"service": service.name, "operation": "sessions.verify"} if {
	some service in data.catalog.services
	service.team == "people"
}
