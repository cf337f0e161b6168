package mesh.teams.identity

# METADATA
# title: A profile is shown to its owner
needs contains {"service": "uber-profile", "operation": "accounts.verify-token"}

# METADATA
# title: Riders open accounts and sign in
grants contains {"operation": operation, "caller": {"service": "rider-app"}} if {
	some operation in ["accounts.register", "accounts.sign-in"]
}

# METADATA
# title: Every service of the product may ask whose token it was given
# description: Whoever holds a token may know whose it is; the answer is an id and nothing personal.
grants contains {"operation": "accounts.verify-token", "caller": {"product": "uber"}}
