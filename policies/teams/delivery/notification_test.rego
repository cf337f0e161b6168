package mesh.teams.delivery_test

import data.mesh.teams.delivery

callers(operation) := {grant.caller | some grant in delivery.grants; grant.operation == operation}

test_chat_sends_and_phones_do_not if {
	callers("whatsapp-notification.send") == {{"team": data.catalog.services.text.team}}
	data.catalog.services["messenger-app"].team != data.catalog.services.text.team
}

test_what_waits_is_shown_to_phones_alone if {
	data.catalog.operations["whatsapp-notification.waiting"].class == "pii"
	callers("whatsapp-notification.waiting") == {{"service": "messenger-app"}}
}

test_whoever_sees_what_waits_can_say_so if {
	callers("whatsapp-notification.seen") == callers("whatsapp-notification.waiting")
}

test_readers_are_verified if {
	delivery.needs == {{"service": "whatsapp-notification", "operation": "sessions.verify"}}
}
