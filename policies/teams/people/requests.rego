package mesh.teams.people

# Whatever comes to a profile is decided request by request, by the token of the person who holds the phone.

# METADATA
# title: A profile is shown to people who are signed in, and changed soon after they signed in
# custom:
#   owner: "#team-people"
request_rules contains {"operation": operation} if {
	some operation in ["whatsapp-profile.get", "whatsapp-profile.save", "whatsapp-profile.erase"]
}

# METADATA
# title: Whose token it is is verified with the keys of sessions
needs contains {"service": "whatsapp-profile", "operation": "sessions.keys"}

# METADATA
# title: Who is signed in sees her profile
allow_request if {
	input.operation == "whatsapp-profile.get"
	input.claims.sub
}

# METADATA
# title: Who has just signed in changes or erases her profile
# description: A phone that was left somewhere can show a profile, and not give it another name.
allow_request if {
	input.operation in {"whatsapp-profile.save", "whatsapp-profile.erase"}
	input.claims.sub
	fresh
}

fresh if (input.time_ms / 1000) - input.claims.iat < fresh_seconds

fresh_seconds := 900
