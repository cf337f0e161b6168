package mesh.teams.delivery

# METADATA
# title: What waits is shown to the phone of its person
needs contains {"service": "whatsapp-notification", "operation": "sessions.verify"}

# METADATA
# title: The chat team tells receivers of messages
grants contains {"operation": "whatsapp-notification.send", "caller": {"team": "chat"}}

# METADATA
# title: A phone asks what waits, and says what it has shown
# description: Personal data, so each receiver is named.
grants contains {"operation": operation, "caller": {"service": "messenger-app"}} if {
	some operation in ["whatsapp-notification.waiting", "whatsapp-notification.seen"]
}
