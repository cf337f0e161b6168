package mesh.teams.readers

# METADATA
# title: The reader reads the front page
needs contains {"service": "reader", "operation": "web.front-page"}
