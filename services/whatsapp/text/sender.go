package main

import (
	"context"
	"net/http"

	"dotline.example/services/go/service"
)

// sender takes texts. Each step may be done again, so a phone that got no answer sends the same again.
type sender struct {
	claims claims
	others peers
	// tell has a receiver notified, sooner or later.
	tell func(context.Context, notification)
}

func (s *sender) send(w http.ResponseWriter, r *http.Request) error {
	body, err := service.Decode[text](w, r)
	if err != nil {
		return err
	}
	token, err := service.BearerToken(r)
	if err != nil {
		return err
	}
	senderID, err := s.others.holder(r.Context(), token)
	if err != nil {
		return err
	}
	receiverIDs, err := s.others.receivers(r.Context(), senderID, body.To)
	if err != nil {
		return err
	}
	claimed, err := s.claims.of(r.Context(), senderID, body)
	if err != nil {
		return err
	}
	sent := message{claimed.MessageID, senderID, body.ClientMessageID, body.To, body.Text, receiverIDs}
	if err := s.others.store(r.Context(), sent); err != nil {
		return err
	}
	for _, id := range receiverIDs {
		s.tell(r.Context(), notification{ID: sent.ID + "." + id, PersonID: id, MessageID: sent.ID})
	}
	return service.Reply(w, http.StatusCreated, map[string]string{"messageId": sent.ID, "state": "sent"})
}
