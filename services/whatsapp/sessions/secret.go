package main

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
)

// About 20 ms of one core. It is stored with each digest, so that it can be raised.
const iterationsNow = 100_000

// digest is what is stored in place of a secret.
type digest struct {
	Salt       []byte `json:"salt"`
	Key        []byte `json:"key"`
	Iterations int    `json:"iterations"`
}

func digestOf(secret string) (digest, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails: package crypto/rand ends the program instead
	key, err := pbkdf2.Key(sha256.New, secret, salt, iterationsNow, sha256.Size)
	return digest{Salt: salt, Key: key, Iterations: iterationsNow}, err
}

// matches takes the same time whether the secret is the one that was digested or not.
func (d digest) matches(secret string) (bool, error) {
	key, err := pbkdf2.Key(sha256.New, secret, d.Salt, d.Iterations, sha256.Size)
	return subtle.ConstantTimeCompare(key, d.Key) == 1, err
}
