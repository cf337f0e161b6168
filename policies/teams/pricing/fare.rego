package mesh.teams.pricing

# METADATA
# title: A price depends on the way
needs contains {"service": "fare", "operation": "routes.find"}

# METADATA
# title: A price depends on how many drivers are free
needs contains {"service": "fare", "operation": "drivers.nearby"}

# METADATA
# title: Riders ask what a ride costs
grants contains {"operation": "fare.estimate", "caller": {"service": "rider-app"}}

# METADATA
# title: Whatever the rides team runs may read an agreed price
grants contains {"operation": "fare.get-estimate", "caller": {"team": "rides"}}
