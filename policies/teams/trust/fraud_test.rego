package mesh.teams.trust_test

import data.mesh.teams.trust

test_the_rides_team_asks if {
	{"operation": "fraud.assess", "caller": {"team": data.catalog.services.orders.team}} in trust.grants
}

test_phones_never_learn_how_they_are_judged if {
	every grant in trust.grants {
		not grant.caller.service == "rider-app"
		not grant.caller.team == data.catalog.services["rider-app"].team
		not grant.caller.product
		not grant.caller.tier
	}
}

test_judging_needs_nobody_else if not trust.needs
