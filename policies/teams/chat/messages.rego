package mesh.teams.chat

# METADATA
# title: Only text puts messages into people's hands
# description: By name, because it has asked whether the sender may write there; messages do not ask again.
grants contains {"operation": "messages.store", "caller": {"service": "text"}}

# METADATA
# title: A person reads what she got, and follows what she sent
# description: Personal data, so each receiver is named.
grants contains {"operation": operation, "caller": {"service": "messenger-app"}} if {
	some operation in ["messages.fetch", "messages.acknowledge", "messages.deliveries"]
}
