package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"istio.io/istio/security/pkg/pki/util"
)

const (
	trustDomain         = "cluster.local"
	certificateLifetime = 24 * time.Hour
)

// authority signs with the code that Istio's own certificate authority signs with.
type authority struct {
	bundle      []byte
	certificate *x509.Certificate
	key         any
}

func newAuthority() (*authority, error) {
	certificate, key, err := util.GenCertKeyFromOptions(util.CertOptions{
		Org: trustDomain, TTL: certificateLifetime, ECSigAlg: util.EcdsaSigAlg,
		IsCA: true, IsSelfSigned: true,
	})
	if err != nil {
		return nil, err
	}
	a := &authority{bundle: certificate}
	if a.certificate, err = util.ParsePemEncodedCertificate(certificate); err != nil {
		return nil, err
	}
	a.key, err = util.ParsePemEncodedKey(key)
	return a, err
}

func (a *authority) sign(subject string) (certificate, key []byte, err error) {
	return util.GenCertKeyFromOptions(util.CertOptions{
		Host: subject, TTL: certificateLifetime, ECSigAlg: util.EcdsaSigAlg,
		SignerCert: a.certificate, SignerPriv: a.key, IsClient: true, IsServer: true,
	})
}

// serverTLS demands a certificate of this authority, as istiod's port 15012 does from sidecars.
func (a *authority) serverTLS(subject string) (*tls.Config, error) {
	certificate, key, err := a.sign(subject)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	clients.AddCert(a.certificate)
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    clients,
		MinVersion:   tls.VersionTLS12,
	}, nil
}

// writeIdentity puts what a sidecar of the service connects with into a folder of the service's name.
func (a *authority) writeIdentity(folder, service, namespace string) error {
	certificate, key, err := a.sign(fmt.Sprintf("spiffe://%s/ns/%s/sa/%s", trustDomain, namespace, service))
	if err != nil {
		return err
	}
	own := filepath.Join(folder, service)
	if err := os.MkdirAll(own, 0o700); err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"certificate.pem": certificate, "key.pem": key, "bundle.pem": a.bundle,
	} {
		if err := os.WriteFile(filepath.Join(own, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
