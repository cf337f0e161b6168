package mesh.teams.chat_test

import data.mesh.teams.chat

callers(operation) := {grant.caller | some grant in chat.grants; grant.operation == operation}

needed(service) := {need.operation | some need in chat.needs; need.service == service}

test_only_text_stores_messages if callers("messages.store") == {{"service": "text"}}

test_text_asks_before_it_stores if {
	{"contacts.check", "groups.members", "messages.store"} & needed("text") == {
		"contacts.check",
		"groups.members",
		"messages.store",
	}
}

test_messages_need_tokens_and_nothing_else if needed("messages") == {"sessions.verify"}

test_whoever_we_need_is_no_best_effort if {
	every need in chat.needs {
		service := data.catalog.operations[need.operation].service
		data.catalog.services[service].tier != "best-effort"
	}
}

test_text_reads_no_messages if {
	every operation in ["messages.fetch", "messages.deliveries"] {
		not operation in needed("text")
		callers(operation) == {{"service": "messenger-app"}}
	}
}

test_phones_write_through_text if {
	callers("text.send") == {{"team": data.catalog.services["messenger-app"].team}}
}
