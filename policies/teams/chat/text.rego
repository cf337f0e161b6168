package mesh.teams.chat

# METADATA
# title: A text goes to a contact or to a group of the sender
needs contains {"service": "text", "operation": operation, "purpose": "delivery"} if {
	some operation in ["contacts.check", "groups.members"]
}

# METADATA
# title: A text is kept until it is read
needs contains {"service": "text", "operation": "messages.store"}

# METADATA
# title: Receivers are told
# description: Behind the sender's back; a message that nobody was told of is found when the phone looks.
needs contains {"service": "text", "operation": "whatsapp-notification.send", "optional": true}

# METADATA
# title: The messenger team's apps write
grants contains {"operation": "text.send", "caller": {"team": "messenger"}}
