package mesh.teams.gateways_test

import data.mesh.teams.gateways

test_only_named_services_go_out if {
	every grant in gateways.grants {
		data.catalog.services[data.catalog.operations[grant.operation].service].egress
		grant.caller.service
	}
}
