package main

import (
	"fmt"
	"net"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/config/host"
	"istio.io/istio/pkg/config/protocol"
)

const portName = "http"

func serviceOf(name, namespace, address string) *model.Service {
	return &model.Service{
		Hostname:       host.Name(hostname(name, namespace)),
		DefaultAddress: address,
		Ports:          model.PortList{{Name: portName, Port: 80, Protocol: protocol.HTTP}},
		Attributes:     model.ServiceAttributes{Name: name, Namespace: namespace},
	}
}

func hostname(name, namespace string) string {
	return fmt.Sprintf("%s.%s.svc.cluster.local", name, namespace)
}

func endpointAt(address, namespace string) *model.IstioEndpoint {
	return &model.IstioEndpoint{
		Addresses:       []string{address},
		ServicePortName: portName,
		EndpointPort:    8080,
		Namespace:       namespace,
	}
}

func portOf(listener net.Listener) int { return listener.Addr().(*net.TCPAddr).Port }
