package main

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of envoy.service.discovery.v3, as its .proto files give them.
const (
	requestNode                    = 1
	requestTypeURL                 = 2
	requestSubscribe               = 3
	requestInitialResourceVersions = 5
	requestResponseNonce           = 6

	responseResources = 2
	responseTypeURL   = 4
	responseNonce     = 5
	responseRemoved   = 6

	resourceVersion = 1
	resourceName    = 3

	nodeID      = 1
	nodeCluster = 2
)

// resource is what a sidecar remembers of one resource.
type resource struct {
	name, version string
}

// response is what a sidecar needs of a DeltaDiscoveryResponse.
type response struct {
	typeURL, nonce string
	resources      []resource
	removed        []string
	bytes          int
	marked         bool
	arrivedNs      int64
}

// request is one DeltaDiscoveryRequest.
type request struct {
	nodeID, nodeCluster string
	typeURL             string
	subscribe           []string
	initialVersions     map[string]string
	responseNonce       string
}

func (r request) encode() []byte {
	var b []byte
	if r.nodeID != "" {
		node := appendString(nil, nodeID, r.nodeID)
		node = appendString(node, nodeCluster, r.nodeCluster)
		b = protowire.AppendTag(b, requestNode, protowire.BytesType)
		b = protowire.AppendBytes(b, node)
	}
	b = appendString(b, requestTypeURL, r.typeURL)
	for _, name := range r.subscribe {
		b = appendString(b, requestSubscribe, name)
	}
	for name, version := range r.initialVersions {
		entry := appendString(nil, 1, name)
		entry = appendString(entry, 2, version)
		b = protowire.AppendTag(b, requestInitialResourceVersions, protowire.BytesType)
		b = protowire.AppendBytes(b, entry)
	}
	if r.responseNonce != "" {
		b = appendString(b, requestResponseNonce, r.responseNonce)
	}
	return b
}

func appendString(b []byte, field protowire.Number, value string) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendString(b, value)
}

// decode reads names and versions and leaves the resources themselves alone.
func (r *response) decode(data []byte) error {
	r.bytes = len(data)
	return eachBytesField(data, func(field protowire.Number, value []byte) error {
		switch field {
		case responseTypeURL:
			r.typeURL = interned(value)
		case responseNonce:
			r.nonce = string(value)
		case responseRemoved:
			r.removed = append(r.removed, string(value))
		case responseResources:
			var one resource
			err := eachBytesField(value, func(field protowire.Number, value []byte) error {
				switch field {
				case resourceName:
					one.name = interned(value)
				case resourceVersion:
					one.version = interned(value)
				}
				return nil
			})
			r.resources = append(r.resources, one)
			return err
		}
		return nil
	})
}

func eachBytesField(data []byte, visit func(protowire.Number, []byte) error) error {
	for len(data) > 0 {
		field, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		if kind != protowire.BytesType {
			n = protowire.ConsumeFieldValue(field, kind, data)
			if n < 0 {
				return protowire.ParseError(n)
			}
			data = data[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := visit(field, value); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// rawCodec hands requests over as bytes and decodes of responses what a sidecar needs.
type rawCodec struct{}

var _ encoding.CodecV2 = rawCodec{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	data, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("cannot send a %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(data)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	into, ok := v.(*response)
	if !ok {
		return fmt.Errorf("cannot receive a %T", v)
	}
	into.arrivedNs = nowNs()
	bytes := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer bytes.Free()
	into.marked = marked(bytes.ReadOnlyData())
	return into.decode(bytes.ReadOnlyData())
}
