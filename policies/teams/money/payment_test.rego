package mesh.teams.money_test

import data.mesh.teams.money

test_orders_charge_and_nobody_else if {
	money.grants == {{"operation": "payment.charge", "caller": {"service": "orders"}}}
}

test_whoever_charges_is_critical if {
	every grant in money.grants {
		data.catalog.services[grant.caller.service].tier == "critical"
	}
}

test_the_ledger_depends_on_nobody if not money.needs
