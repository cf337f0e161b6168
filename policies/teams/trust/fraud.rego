package mesh.teams.trust

# METADATA
# title: The rides team has its orders looked at
grants contains {"operation": "fraud.assess", "caller": {"team": "rides"}}
