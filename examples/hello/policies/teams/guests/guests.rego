package mesh.teams.guests

# METADATA
# title: Visitors like to be greeted
needs contains {"service": "visitor", "operation": "greeter.greet"}
