package mesh.teams.engagement_test

import data.mesh.teams.engagement

callers(operation) := {grant.caller | some grant in engagement.grants; grant.operation == operation}

test_orders_may_send if {
	{"tier": data.catalog.services.orders.tier} in callers("uber-notification.send")
}

test_phones_read_and_never_send if {
	callers("uber-notification.list") == {{"service": "rider-app"}}
	phone := data.catalog.services["rider-app"]
	every caller in callers("uber-notification.send") {
		caller.tier != phone.tier
	}
}

test_readers_are_verified if {
	{"service": "uber-notification", "operation": "accounts.verify-token"} in engagement.needs
}
