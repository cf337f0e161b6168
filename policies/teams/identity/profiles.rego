package mesh.teams.identity

# METADATA
# title: A rider sees and fills in her own profile
# description: Personal data, so each receiver is named.
grants contains {"operation": operation, "caller": {"service": "rider-app"}} if {
	some operation in ["uber-profile.get", "uber-profile.save"]
}
