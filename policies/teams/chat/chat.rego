package mesh.teams.chat

# METADATA
# title: Who writes and who reads is signed in
needs contains {"service": service.name, "operation": "sessions.verify"} if {
	some service in data.catalog.services
	service.team == "chat"
}
