package mesh.teams.maps

# METADATA
# title: A route leads between places
needs contains {"service": "routes", "operation": "maps.get-place"}

# METADATA
# title: Our own services look places up
grants contains {"operation": "maps.get-place", "caller": {"team": "maps"}}

# METADATA
# title: Phones show where they are and find places by name
grants contains {"operation": operation, "caller": {"service": "rider-app"}} if {
	some operation in ["maps.nearest", "maps.search"]
}

# METADATA
# title: Pricing measures ways
# description: Finding a way costs CPU, so phones do not ask for it directly.
grants contains {"operation": "routes.find", "caller": {"team": "pricing"}}
