package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"

	cdsURL = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	edsURL = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"

	// As many connections as one source address gets, so that its ports suffice.
	sidecarsPerSourceAddress = 20_000
	// Back-off after a broken stream, as Envoy's: jittered, from 0 up to twice as much each time.
	backOffMin = 250 * time.Millisecond
	backOffMax = 4 * time.Second
)

// identity says who a sidecar is and what it asks for. Wildcard types are asked for at once, then
// those by name; endpoints are asked for as clusters are learned.
type identity struct {
	node, cluster string
	wildcards     []string
	named         map[string][]string
	edsPrefix     string
	edsExcept     string
	tls           *tls.Config
}

// sidecar is one Envoy as the server sees it: a TCP connection with one delta ADS stream.
type sidecar struct {
	number   int
	target   string
	who      identity
	versions map[string]map[string]string
	waiting  map[string]bool
	synced   bool
	begun    *measurement
	counted  *measurement
	onSynced func(atNs int64)
	onBroken func(error)
}

func (s *sidecar) run(ctx context.Context) {
	backOff := backOffMin
	for {
		lived, err := s.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		s.onBroken(err)
		if lived {
			backOff = backOffMin
		}
		pause := time.Duration(rand.Int64N(int64(backOff)))
		backOff = min(2*backOff, backOffMax)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// connect returns when the stream is broken, and whether it had carried anything.
func (s *sidecar) connect(ctx context.Context) (lived bool, err error) {
	channel, err := grpc.NewClient("passthrough:///"+s.target, s.dialOptions()...)
	if err != nil {
		return false, err
	}
	defer channel.Close()
	stream, err := channel.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method,
		grpc.ForceCodecV2(rawCodec{}), grpc.MaxCallRecvMsgSize(64<<20))
	if err != nil {
		return false, err
	}
	if err := s.subscribeAll(stream); err != nil {
		return false, err
	}
	for {
		var r response
		if err := stream.RecvMsg(&r); err != nil {
			return lived, err
		}
		lived = true
		received.add(&r)
		if err := s.answer(stream, &r); err != nil {
			return lived, err
		}
	}
}

func (s *sidecar) dialOptions() []grpc.DialOption {
	source := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+s.number/sidecarsPerSourceAddress))}
	dialer := &net.Dialer{LocalAddr: source, Timeout: 10 * time.Second}
	transport := insecure.NewCredentials()
	if s.who.tls != nil {
		transport = credentials.NewTLS(s.who.tls)
	}
	return []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		}),
		// Fixed windows: without them grpc-go probes the bandwidth with a PING for each response.
		grpc.WithInitialWindowSize(1 << 20),
		grpc.WithInitialConnWindowSize(1 << 20),
		grpc.WithReadBufferSize(4 << 10),
		grpc.WithWriteBufferSize(4 << 10),
		grpc.WithSharedWriteBuffer(true),
		grpc.WithNoProxy(),
	}
}

// subscribeAll opens the stream's subscriptions; what is held from before is stated with its version.
func (s *sidecar) subscribeAll(stream grpc.ClientStream) error {
	node := s.who.node
	send := func(r request) error {
		r.nodeID, r.nodeCluster, r.initialVersions = node, s.who.cluster, s.versions[r.typeURL]
		node = ""
		return stream.SendMsg(r.encode())
	}
	for _, typeURL := range s.who.wildcards {
		if err := send(request{typeURL: typeURL}); err != nil {
			return err
		}
	}
	for typeURL, names := range s.who.named {
		if err := send(request{typeURL: typeURL, subscribe: names}); err != nil {
			return err
		}
	}
	if held := s.versions[edsURL]; len(held) > 0 {
		names := make([]string, 0, len(held))
		for name := range held {
			names = append(names, name)
		}
		return send(request{typeURL: edsURL, subscribe: names})
	}
	return nil
}

// answer acknowledges a response and asks for the endpoints of clusters that are new.
func (s *sidecar) answer(stream grpc.ClientStream, r *response) error {
	held := s.versions[r.typeURL]
	if held == nil {
		held = make(map[string]string, len(r.resources))
		s.versions[r.typeURL] = held
	}
	var subscribe []string
	for _, one := range r.resources {
		if _, known := held[one.name]; !known && r.typeURL == cdsURL && s.hasEndpoints(one.name) {
			subscribe = append(subscribe, one.name)
		}
		held[one.name] = one.version
	}
	for _, name := range r.removed {
		delete(held, name)
	}
	if err := stream.SendMsg(request{typeURL: r.typeURL, responseNonce: r.nonce}.encode()); err != nil {
		return err
	}
	if len(subscribe) > 0 {
		if err := stream.SendMsg(request{typeURL: edsURL, subscribe: subscribe}.encode()); err != nil {
			return err
		}
	}
	s.noteSync(r.typeURL, r.arrivedNs, len(subscribe) > 0)
	s.count(r)
	return nil
}

// count tells the measurement under way of the stream's first response and of the marked one.
func (s *sidecar) count(r *response) {
	m := current.Load()
	if m == nil {
		return
	}
	if s.begun != m {
		s.begun = m
		m.began(r.arrivedNs)
	}
	if r.marked && s.counted != m {
		s.counted = m
		m.acknowledged(r.arrivedNs, nowNs())
	}
}

func (s *sidecar) hasEndpoints(cluster string) bool {
	return strings.HasPrefix(cluster, s.who.edsPrefix) &&
		(s.who.edsExcept == "" || !strings.HasPrefix(cluster, s.who.edsExcept))
}

// noteSync reports once, when each type asked for has been answered.
func (s *sidecar) noteSync(typeURL string, arrivedNs int64, asksForEndpoints bool) {
	if s.synced {
		return
	}
	delete(s.waiting, typeURL)
	if asksForEndpoints && len(s.versions[edsURL]) == 0 {
		s.waiting[edsURL] = true
	}
	if len(s.waiting) == 0 {
		s.synced = true
		s.onSynced(arrivedNs)
	}
}

func newSidecar(number int, target string, who identity) *sidecar {
	waiting := map[string]bool{}
	for _, typeURL := range who.wildcards {
		waiting[typeURL] = true
	}
	for typeURL := range who.named {
		waiting[typeURL] = true
	}
	return &sidecar{
		number: number, target: target, who: who, waiting: waiting,
		versions: map[string]map[string]string{},
		onSynced: func(int64) {}, onBroken: func(error) {},
	}
}

func (i identity) String() string { return fmt.Sprintf("%s of %s", i.node, i.cluster) }
