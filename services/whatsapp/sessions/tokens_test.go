package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"dotline.example/services/go/valkeytest"
)

func decoded(t *testing.T, text string) []byte {
	t.Helper()
	bytes, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

func TestATokenSaysWhoItIsOfAndIsVerifiedWithThePublishedKey(t *testing.T) {
	ctx, store := context.Background(), valkeytest.Start(t)
	session := Session{PersonID: "somebody", ExpiresAt: time.Unix(2_000_000_000, 0)}
	token, err := (&tokens{store: store}).Sign(ctx, session, 1_999_996_400)
	if err != nil {
		t.Fatal(err)
	}
	// Of another instance.
	keys, err := (&tokens{store: store}).Keys(ctx)
	if err != nil || len(keys) != 1 {
		t.Fatalf("keys %v (%v)", keys, err)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q has %d parts", token, len(parts))
	}
	var header struct{ Alg, Kid string }
	var claims struct {
		Iss, Aud, Sub string
		Iat, Exp      int64
	}
	if err := json.Unmarshal(decoded(t, parts[0]), &header); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(decoded(t, parts[1]), &claims); err != nil {
		t.Fatal(err)
	}
	if header.Alg != "ES256" || header.Kid != keys[0].ID {
		t.Errorf("header %+v, key %+v", header, keys[0])
	}
	if claims.Iss != issuer || claims.Aud != audience || claims.Sub != "somebody" ||
		claims.Iat != 1_999_996_400 || claims.Exp != 2_000_000_000 {
		t.Errorf("claims %+v", claims)
	}
	key := ecdsa.PublicKey{
		Curve: elliptic.P256(),
		X:     new(big.Int).SetBytes(decoded(t, keys[0].X)),
		Y:     new(big.Int).SetBytes(decoded(t, keys[0].Y)),
	}
	signature := decoded(t, parts[2])
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(&key, sum[:], r, s) {
		t.Error("the signature is not one of the published key")
	}
}
