// Command istio serves a mesh of the benchmark with Istio's discovery server (pilot/pkg/xds) on its
// in-memory registry and configuration store: by default the fifty services of which a change moves
// one endpoint, with `-authorization` the teams of which a change grants one more caller.
package main

import (
	"flag"
	"log"
	"time"

	"dotline.dev/bench/commands"
	"istio.io/istio/pilot/pkg/features"
	istiolog "istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"
)

func main() {
	debounce := flag.Duration("debounce", 0, "how long Istio waits for further changes; 0 for no waiting")
	authorization := flag.String("authorization", "",
		"serve the teams over mTLS, and put their sidecars' certificates into this folder")
	instances := flag.Int("instances", 50, "of each service of the teams' fleet")
	scoped := flag.Bool("scoped", false, "the fleet's sidecars know no service but their own")
	flag.Parse()
	err := test.Wrap(func(failer test.Failer) {
		prepare(failer, *debounce)
		var server commands.Server
		if *authorization == "" {
			server = serveEndpoints(failer, *debounce)
		} else {
			server = serveAuthorization(failer, *debounce, *instances, *authorization, *scoped)
		}
		must(failer, commands.Serve(server))
	})
	if err != nil {
		log.Fatal(err)
	}
}

func prepare(failer test.Failer, debounce time.Duration) {
	quiet := istiolog.DefaultOptions()
	quiet.SetDefaultOutputLevel(istiolog.OverrideScopeName, istiolog.NoneLevel)
	must(failer, istiolog.Configure(quiet))
	// Peers push endpoints at once and let streams in without limit.
	features.EnableEDSDebounce = debounce > 0
	features.RequestLimit = 1_000_000
}

func must(failer test.Failer, err error) {
	if err != nil {
		failer.Fatal(err)
	}
}
