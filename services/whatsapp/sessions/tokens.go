package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/redis/go-redis/v9"

	"dotline.example/services/go/service"
	"dotline.example/services/go/valkey"
)

const (
	issuer   = "https://sessions.whatsapp.dotline.example"
	audience = "whatsapp"
	// Of P-256: a coordinate, and each half of a signature.
	coordinateBytes = 32
)

// tokens signs tokens that anybody can verify with the published key: JSON Web Tokens (RFC 7519) of ES256.
type tokens struct {
	store *valkey.Store
	mutex sync.Mutex
	known *signer
}

type signer struct {
	key *ecdsa.PrivateKey
	// Names the key among those that are published.
	id string
	// Without leading byte: x, then y.
	point []byte
}

// publicKey is a JSON Web Key (RFC 7517).
type publicKey struct {
	Kind      string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
	ID        string `json:"kid"`
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
}

// Sign is a token of a session.
func (t *tokens) Sign(ctx context.Context, session Session, issuedAt int64) (string, error) {
	signer, err := t.signer(ctx)
	if err != nil {
		return "", err
	}
	header, err := part(map[string]string{"alg": "ES256", "typ": "JWT", "kid": signer.id})
	if err != nil {
		return "", err
	}
	payload, err := part(map[string]any{
		"iss": issuer,
		"aud": audience,
		"sub": session.PersonID,
		"iat": issuedAt,
		"exp": session.ExpiresAt.Unix(),
		"jti": service.NewUUID(),
	})
	if err != nil {
		return "", err
	}
	signed := header + "." + payload
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, signer.key, sum[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 2*coordinateBytes)
	r.FillBytes(signature[:coordinateBytes])
	s.FillBytes(signature[coordinateBytes:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// Keys is what tokens are verified with.
func (t *tokens) Keys(ctx context.Context) ([]publicKey, error) {
	signer, err := t.signer(ctx)
	if err != nil {
		return nil, err
	}
	return []publicKey{{
		Kind:      "EC",
		Curve:     "P-256",
		X:         base64.RawURLEncoding.EncodeToString(signer.point[:coordinateBytes]),
		Y:         base64.RawURLEncoding.EncodeToString(signer.point[coordinateBytes:]),
		ID:        signer.id,
		Algorithm: "ES256",
		Use:       "sig",
	}}, nil
}

// signer is the one key of all instances, made by the first that needs it.
func (t *tokens) signer(ctx context.Context) (*signer, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.known != nil {
		return t.known, nil
	}
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		return nil, err
	}
	at := t.store.Key("signing-key")
	err = t.store.Client.SetArgs(ctx, at, encoded, redis.SetArgs{Mode: "NX"}).Err()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, valkey.Explain(err)
	}
	// Another instance may have been faster.
	kept, err := t.store.Client.Get(ctx, at).Bytes()
	if err != nil {
		return nil, valkey.Explain(err)
	}
	t.known, err = signerOf(kept)
	return t.known, err
}

func signerOf(encoded []byte) (*signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(encoded)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("the signing key is %T, not one of P-256", parsed)
	}
	public, err := key.PublicKey.ECDH()
	if err != nil {
		return nil, err
	}
	point := public.Bytes()[1:]
	sum := sha256.Sum256(point)
	return &signer{key: key, id: base64.RawURLEncoding.EncodeToString(sum[:12]), point: point}, nil
}

func part(content any) (string, error) {
	encoded, err := json.Marshal(content)
	return base64.RawURLEncoding.EncodeToString(encoded), err
}
