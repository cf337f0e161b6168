package mesh.teams.people

# METADATA
# title: A contact is somebody with a number
needs contains {"service": "contacts", "operation": "sessions.find-person", "purpose": "address-book"}

# METADATA
# title: A person keeps her address book
# description: Personal data, so each receiver is named.
grants contains {"operation": operation, "caller": {"service": "messenger-app"}} if {
	some operation in ["contacts.add", "contacts.find"]
}

# METADATA
# title: Text asks whether the receiver is a contact
# description: Who knows whom is personal data; the answer is yes or no, about one pair at a time.
grants contains {"operation": "contacts.check", "caller": {"service": "text"}}
