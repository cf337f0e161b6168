package mesh.teams.rides_test

import data.mesh.teams.rides

needed := {need.operation | some need in rides.needs; need.service == "orders"}

test_whoever_reserves_a_driver_can_release_it if {
	"drivers.reserve" in needed
	"drivers.release" in needed
}

test_orders_charge_and_never_refund if {
	"payment.charge" in needed
	not "payment.refund" in needed
	not "payment.balance" in needed
}

test_orders_see_no_personal_data if {
	every operation in needed {
		data.catalog.operations[operation].class != "pii"
	}
}

test_orders_depend_on_nothing_best_effort if {
	every operation in needed {
		service := data.catalog.operations[operation].service
		data.catalog.services[service].tier != "best-effort"
	}
}

test_phones_place_and_follow_and_nobody_else_does if {
	rides.grants == {
		{"operation": "orders.create", "caller": {"service": "rider-app"}},
		{"operation": "orders.get", "caller": {"service": "rider-app"}},
	}
}
