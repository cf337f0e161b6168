package mesh.teams.access

# METADATA
# title: Phones register numbers and sign in
grants contains {"operation": operation, "caller": {"service": "messenger-app"}} if {
	some operation in ["sessions.register", "sessions.sign-in"]
}

# METADATA
# title: Every service of the product may ask whose token it was given
# description: Whoever holds a token may know whose it is; the answer is an id and nothing personal.
grants contains {"operation": "sessions.verify", "caller": {"product": "whatsapp"}}

# METADATA
# title: Every service of the product may verify tokens by itself
# description: The keys are public; who has them knows whose a token is and makes none.
grants contains {"operation": "sessions.keys", "caller": {"product": "whatsapp"}}

# METADATA
# title: Address books turn numbers into people
# description: |
#   Whose number it is is personal data, so the receiver is named. A number is asked about only by who
#   wants to add it to her contacts.
grants contains {"operation": "sessions.find-person", "caller": {"service": "contacts"}}
