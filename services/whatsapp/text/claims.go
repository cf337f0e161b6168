package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"dotline.example/services/go/service"
	"dotline.example/services/go/valkey"
)

// A phone that was off for longer has given its message up.
const rememberedFor = 24 * time.Hour

// claims remembers which message each id of a phone became.
type claims struct{ store *valkey.Store }

// claim is what an id was first used for.
type claim struct {
	MessageID string `json:"messageId"`
	// Fingerprint of receiver and text.
	Fingerprint string `json:"fingerprint"`
}

// of is the claim of a text, made by whoever sends it first; every later sending of the same text gets
// the same message id. Another text under the same id is a Problem 409.
func (c claims) of(ctx context.Context, senderID string, t text) (claim, error) {
	mine := claim{MessageID: service.NewUUID(), Fingerprint: fingerprint(t)}
	encoded, err := json.Marshal(mine)
	if err != nil {
		return claim{}, err
	}
	key := c.store.Key("claim", senderID, t.ClientMessageID)
	earlier, err := c.store.Client.SetArgs(ctx, key, encoded, redis.SetArgs{Mode: "NX", Get: true, TTL: rememberedFor}).Result()
	if errors.Is(err, redis.Nil) {
		return mine, nil
	}
	if err != nil {
		return claim{}, valkey.Explain(err)
	}
	var first claim
	if err := json.Unmarshal([]byte(earlier), &first); err != nil {
		return claim{}, err
	}
	if first.Fingerprint != mine.Fingerprint {
		return claim{}, &service.Problem{Status: http.StatusConflict, Title: "Id in use", Detail: t.ClientMessageID + " names another text; choose a new id"}
	}
	return first, nil
}

func fingerprint(t text) string {
	// Ids have no line breaks, so no two texts look the same.
	sum := sha256.Sum256([]byte(t.To.PersonID + "\n" + t.To.GroupID + "\n" + t.Text))
	return hex.EncodeToString(sum[:])
}
