package mesh.teams.messenger_test

import data.mesh.teams.messenger

needed := {need.operation | some need in messenger.needs}

test_every_needed_operation_exists if {
	count(needed) == 14
	every operation in needed {
		data.catalog.operations[operation]
	}
}

test_only_the_teams_own_services_speak if {
	every need in messenger.needs {
		data.catalog.services[need.service].team == "messenger"
	}
}

test_phones_stay_in_their_product if {
	every operation in needed {
		service := data.catalog.operations[operation].service
		data.catalog.services[service].product == "whatsapp"
	}
}

test_messages_are_stored_and_notifications_sent_by_text_alone if {
	not "messages.store" in needed
	not "whatsapp-notification.send" in needed
}

test_phones_never_ask_who_knows_whom if {
	not "contacts.check" in needed
	not "groups.members" in needed
	not "sessions.find-person" in needed
}

test_phones_offer_nothing_to_other_services if not messenger.grants
