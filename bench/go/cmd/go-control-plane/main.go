// Command go-control-plane serves the benchmark's mesh with go-control-plane's snapshot cache, used as
// its documentation shows: a snapshot for each node, set again with a new version when something changed.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"strconv"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	serverv3 "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/types/known/durationpb"

	"dotline.dev/bench/commands"
)

const (
	clusters            = 50
	endpointsPerCluster = 5
)

type mesh struct {
	cache     cachev3.SnapshotCache
	clusters  []types.Resource
	endpoints []types.Resource
}

func main() {
	sidecars := flag.Int("sidecars", 1000, "nodes that have a snapshot")
	port := flag.Int("port", 0, "of 127.0.0.1; 0 for a free one")
	change := flag.Int("change", 0, "the change that is made before the server listens")
	flag.Parse()
	if err := serve(*sidecars, *port, *change); err != nil {
		log.Fatal(err)
	}
}

func serve(sidecars, port, change int) error {
	m := &mesh{cache: cachev3.NewSnapshotCache(true, cachev3.IDHash{}, nil)}
	for i := range clusters {
		m.clusters = append(m.clusters, clusterOf(i))
		m.endpoints = append(m.endpoints, assignment(i, 0))
	}
	if err := m.change(change, sidecars); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	server := grpc.NewServer(
		grpc.MaxConcurrentStreams(1_000_000),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
	)
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(
		server, serverv3.NewServer(context.Background(), m.cache, nil))
	go func() { log.Fatal(server.Serve(listener)) }()
	return commands.Serve(commands.Server{
		Listening: listener.Addr().(*net.TCPAddr).Port,
		Change:    m.change,
	})
}

func (m *mesh) change(number, sidecars int) error {
	index := number % clusters
	m.endpoints = append([]types.Resource(nil), m.endpoints...)
	m.endpoints[index] = assignment(index, number)
	return m.set(number, sidecars)
}

func (m *mesh) set(version, sidecars int) error {
	for n := range sidecars {
		snapshot, err := cachev3.NewSnapshot(strconv.Itoa(version), map[resourcev3.Type][]types.Resource{
			resourcev3.ClusterType:  m.clusters,
			resourcev3.EndpointType: m.endpoints,
		})
		if err != nil {
			return err
		}
		if err := m.cache.SetSnapshot(context.Background(), fmt.Sprintf("sidecar-%d", n), snapshot); err != nil {
			return err
		}
	}
	return nil
}

func clusterOf(index int) *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                 fmt.Sprintf("service-%d", index),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		ConnectTimeout:       durationpb.New(time.Second),
		EdsClusterConfig: &clusterv3.Cluster_EdsClusterConfig{EdsConfig: &corev3.ConfigSource{
			ResourceApiVersion:    corev3.ApiVersion_V3,
			ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
		}},
	}
}

// assignment has the address of its first endpoint from the number of the change that moved it.
func assignment(index, change int) *endpointv3.ClusterLoadAssignment {
	endpoints := make([]*endpointv3.LbEndpoint, endpointsPerCluster)
	for i := range endpoints {
		address := fmt.Sprintf("10.200.%d.%d", index, i)
		if i == 0 && change > 0 {
			address = commands.AddressOfChange(change)
		}
		endpoints[i] = &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
			Endpoint: &endpointv3.Endpoint{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
				SocketAddress: &corev3.SocketAddress{
					Address:       address,
					PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 8080},
				},
			}}},
		}}
	}
	return &endpointv3.ClusterLoadAssignment{
		ClusterName: fmt.Sprintf("service-%d", index),
		Endpoints:   []*endpointv3.LocalityLbEndpoints{{LbEndpoints: endpoints}},
	}
}
