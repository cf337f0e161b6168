package mesh.teams.gateways

# METADATA
# title: The reader may read the front page
# description: By name, as whatever leaves the mesh. Other pages are granted to nobody.
grants contains {"operation": "web.front-page", "caller": {"service": "reader"}}
