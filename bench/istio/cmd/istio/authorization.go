package main

import (
	"fmt"
	"log"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"dotline.dev/bench/commands"
	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"
	istiogrpc "istio.io/istio/pilot/pkg/grpc"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/schema/gvk"
	"istio.io/istio/pkg/keepalive"
	istiosecurity "istio.io/istio/pkg/security"
	"istio.io/istio/pkg/test"
	istioxds "istio.io/istio/pkg/xds"
	"istio.io/istio/security/pkg/server/ca/authenticate"
)

// The mesh that Dotline's control plane is measured with (`src/dotline/mesh-directory.ts`): each team
// is a namespace, each service has a service account.
const (
	fleetNamespace       = "fleet"
	fleetServices        = 20
	callersNamespace     = "callers"
	callers              = 50
	otherTeams           = 20
	servicesPerOtherTeam = 4
	// An address that a sidecar says it has: 10.<100 + number / 250>.<service>.<number % 250 + 1>.
	instancesPerBlock = 250
)

// serveAuthorization serves the teams' mesh over mTLS, the way istiod serves sidecars. A change lets
// `caller-00` and one caller more read the fleet's services; change 0 lets `caller-00` alone.
func serveAuthorization(
	failer test.Failer, debounce time.Duration, instances int, folder string, scoped bool,
) commands.Server {
	configs := []config.Config{onlyMutualTLS(), grantTo(0)}
	if scoped {
		configs = append(configs, noOutboundScope())
	}
	server := xds.NewFakeDiscoveryServer(failer, xds.FakeOptions{
		DebounceTime: debounce,
		Services:     teamServices(),
		Configs:      configs,
	})
	for i := range fleetServices {
		name := fleetService(i)
		var list []*model.IstioEndpoint
		for number := range instances {
			list = append(list, endpointAt(instanceAddress(i, number), fleetNamespace))
		}
		server.MemRegistry.SetEndpoints(hostname(name, fleetNamespace), fleetNamespace, list)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(failer, err)
	a, err := newAuthority()
	must(failer, err)
	for i := range fleetServices {
		must(failer, a.writeIdentity(folder, fleetService(i), fleetNamespace))
	}
	transport, err := a.serverTLS("127.0.0.1")
	must(failer, err)
	server.Discovery.Authenticators = []istiosecurity.Authenticator{&authenticate.ClientCertAuthenticator{}}
	secure := grpc.NewServer(append(
		istiogrpc.ServerOptions(keepalive.DefaultOption(), istioxds.RecordRecvSize),
		grpc.Creds(credentials.NewTLS(transport)))...)
	server.Discovery.Register(secure)
	go func() { log.Fatal(secure.Serve(listener)) }()
	return commands.Server{
		Listening: portOf(listener),
		Change: func(number, _ int) error {
			_, err := server.Store().Update(grantTo(number))
			return err
		},
	}
}

func teamServices() []*model.Service {
	var list []*model.Service
	add := func(name, namespace string) {
		address := fmt.Sprintf("10.201.%d.%d", len(list)/250, len(list)%250+1)
		list = append(list, serviceOf(name, namespace, address))
	}
	for i := range fleetServices {
		add(fleetService(i), fleetNamespace)
	}
	for i := range callers {
		add(callerName(i), callersNamespace)
	}
	for team := range otherTeams {
		for i := range servicesPerOtherTeam {
			add(fmt.Sprintf("svc-%02d-%d", team, i), fmt.Sprintf("team-%02d", team))
		}
	}
	return list
}

// grantTo is the fleet's policy: these callers may read all of its services.
func grantTo(change int) config.Config {
	granted := []string{principal(callerName(0))}
	if change > 0 {
		granted = append(granted, principal(callerName(change)))
	}
	return config.Config{
		Meta: config.Meta{
			GroupVersionKind: gvk.AuthorizationPolicy,
			Name:             "who-may-read-the-fleet",
			Namespace:        fleetNamespace,
		},
		Spec: &security.AuthorizationPolicy{
			Action: security.AuthorizationPolicy_ALLOW,
			Rules: []*security.Rule{{
				From: []*security.Rule_From{{Source: &security.Source{Principals: granted}}},
				To: []*security.Rule_To{{Operation: &security.Operation{
					Methods: []string{"GET"}, Paths: []string{"/v1/things/{*}"},
				}}},
			}},
		},
	}
}

// onlyMutualTLS lets sidecars serve mTLS alone, as Dotline's do.
func onlyMutualTLS() config.Config {
	return config.Config{
		Meta: config.Meta{
			GroupVersionKind: gvk.PeerAuthentication,
			Name:             "default",
			Namespace:        "istio-system",
		},
		Spec: &security.PeerAuthentication{
			Mtls: &security.PeerAuthentication_MutualTLS{Mode: security.PeerAuthentication_MutualTLS_STRICT},
		},
	}
}

// noOutboundScope is what the fleet needs: it calls nobody. Without it a sidecar is sent all services.
func noOutboundScope() config.Config {
	return config.Config{
		Meta: config.Meta{GroupVersionKind: gvk.Sidecar, Name: "default", Namespace: fleetNamespace},
		Spec: &networking.Sidecar{Egress: []*networking.IstioEgressListener{{Hosts: []string{"~/*"}}}},
	}
}

func fleetService(index int) string { return fmt.Sprintf("fleet-%02d", index) }

func callerName(number int) string { return fmt.Sprintf("caller-%02d", number%callers) }

func principal(caller string) string {
	return fmt.Sprintf("%s/ns/%s/sa/%s", trustDomain, callersNamespace, caller)
}

func instanceAddress(service, number int) string {
	return fmt.Sprintf("10.%d.%d.%d", 100+number/instancesPerBlock, service, number%instancesPerBlock+1)
}
