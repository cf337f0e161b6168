package mesh.teams.hosts_test

import data.mesh.teams.hosts

test_nobody_may_rename_the_house if {
	every grant in hosts.grants {
		grant.operation != "greeter.rename"
	}
}
