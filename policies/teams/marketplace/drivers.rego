package mesh.teams.marketplace

# METADATA
# title: Pricing counts free drivers
grants contains {"operation": "drivers.nearby", "caller": {"team": "pricing"}}

# METADATA
# title: Orders reserve drivers and give them back
# description: By name, because a reservation takes a driver from everybody else.
grants contains {"operation": operation, "caller": {"service": "orders"}} if {
	some operation in ["drivers.reserve", "drivers.release"]
}
