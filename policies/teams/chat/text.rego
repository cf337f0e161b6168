package mesh.teams.chat

# METADATA
# title: A text goes to a contact or to a group of the sender
needs contains {"service": "text", "operation": operation} if {
	some operation in ["contacts.check", "groups.members"]
}

# METADATA
# title: A text is kept until it is read
needs contains {"service": "text", "operation": "messages.store"}

# METADATA
# title: Receivers are told
needs contains {"service": "text", "operation": "whatsapp-notification.send"}

# METADATA
# title: The messenger team's apps write
grants contains {"operation": "text.send", "caller": {"team": "messenger"}}
