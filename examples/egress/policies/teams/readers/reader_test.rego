package mesh.teams.readers_test

import data.mesh.teams.readers

test_the_reader_reads_one_page if {
	readers.needs == {{"service": "reader", "operation": "web.front-page"}}
}
