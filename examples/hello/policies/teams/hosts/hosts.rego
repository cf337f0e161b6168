package mesh.teams.hosts

# METADATA
# title: Every guest may be greeted
grants contains {"operation": "greeter.greet", "caller": {"team": "guests"}}
