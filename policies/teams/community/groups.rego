package mesh.teams.community

# METADATA
# title: A group is founded and seen by who is signed in
needs contains {"service": "groups", "operation": "sessions.verify"}

# METADATA
# title: People found groups and see their own
grants contains {"operation": operation, "caller": {"service": "messenger-app"}} if {
	some operation in ["groups.create", "groups.list"]
}

# METADATA
# title: Whatever the chat team runs may ask who belongs to a group
grants contains {"operation": "groups.members", "caller": {"team": "chat"}}
