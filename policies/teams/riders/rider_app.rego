package mesh.teams.riders

# METADATA
# title: A rider signs in
needs contains {"service": "rider-app", "operation": operation} if {
	some operation in ["accounts.register", "accounts.sign-in"]
}

# METADATA
# title: A rider sees and fills in her own profile
needs contains {"service": "rider-app", "operation": operation, "purpose": "own-profile"} if {
	some operation in ["uber-profile.get", "uber-profile.save"]
}

# METADATA
# title: A rider chooses where to start and where to go
needs contains {"service": "rider-app", "operation": operation} if {
	some operation in ["maps.nearest", "maps.search"]
}

# METADATA
# title: A rider asks for a price
needs contains {"service": "rider-app", "operation": "fare.estimate"}

# METADATA
# title: A rider orders a ride and follows it
needs contains {"service": "rider-app", "operation": operation} if {
	some operation in ["orders.create", "orders.get"]
}

# METADATA
# title: A rider reads what she was told
needs contains {"service": "rider-app", "operation": "uber-notification.list", "purpose": "inbox"}
