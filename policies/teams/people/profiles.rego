package mesh.teams.people

# METADATA
# title: A person sees and fills in her own profile
# description: Personal data, so each receiver is named.
grants contains {"operation": operation, "caller": {"service": "messenger-app"}} if {
	some operation in ["whatsapp-profile.get", "whatsapp-profile.save"]
}
