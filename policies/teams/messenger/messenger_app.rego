package mesh.teams.messenger

# METADATA
# title: A person registers her number and signs in
needs contains {"service": "messenger-app", "operation": operation} if {
	some operation in ["sessions.register", "sessions.sign-in"]
}

# METADATA
# title: A person sees and fills in her own profile
needs contains {"service": "messenger-app", "operation": operation, "purpose": "own-profile"} if {
	some operation in ["whatsapp-profile.get", "whatsapp-profile.save"]
}

# METADATA
# title: A person finds her friends
needs contains {"service": "messenger-app", "operation": operation, "purpose": "address-book"} if {
	some operation in ["contacts.add", "contacts.find"]
}

# METADATA
# title: A person finds her groups
needs contains {"service": "messenger-app", "operation": operation} if {
	some operation in ["groups.create", "groups.list"]
}

# METADATA
# title: A person writes
needs contains {"service": "messenger-app", "operation": "text.send"}

# METADATA
# title: A phone is woken up
needs contains {"service": "messenger-app", "operation": operation, "purpose": "inbox"} if {
	some operation in ["whatsapp-notification.waiting", "whatsapp-notification.seen"]
}

# METADATA
# title: A person reads what she got and sees how far her own messages have come
needs contains {"service": "messenger-app", "operation": operation, "purpose": "reading"} if {
	some operation in ["messages.fetch", "messages.acknowledge", "messages.deliveries"]
}
