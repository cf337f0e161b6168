package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"dotline.example/services/go/service"
)

// peers is what text asks of other services.
type peers struct{ *service.Peers }

// holder is the person of a token, or a Problem 401.
func (p peers) holder(ctx context.Context, token string) (string, error) {
	var answer struct {
		PersonID string `json:"personId"`
	}
	body := map[string]string{"token": token}
	err := p.Call(ctx, service.PeerRequest{Callee: "sessions", Method: http.MethodPost, Path: "/v1/sessions/verify", Body: body}, &answer)
	if answered(err, http.StatusUnauthorized, http.StatusBadRequest) {
		return "", service.NotSignedIn("The token is unknown or has expired; sign in", err)
	}
	return answer.PersonID, err
}

// receivers are everybody who gets a text; a Problem 403 when the sender may not write there.
func (p peers) receivers(ctx context.Context, senderID string, to receiver) ([]string, error) {
	if to.PersonID != "" {
		return []string{to.PersonID}, p.contact(ctx, senderID, to.PersonID)
	}
	return p.members(ctx, senderID, to.GroupID)
}

func (p peers) contact(ctx context.Context, ownerID, personID string) error {
	path := "/v1/people/" + url.PathEscape(ownerID) + "/contacts/" + url.PathEscape(personID)
	err := p.Call(ctx, service.PeerRequest{Callee: "contacts", Method: http.MethodGet, Path: path}, nil)
	if answered(err, http.StatusNotFound) {
		return forbidden("The receiver is none of your contacts", err)
	}
	return err
}

func (p peers) members(ctx context.Context, senderID, groupID string) ([]string, error) {
	var answer struct {
		MemberIDs []string `json:"memberIds"`
	}
	path := "/v1/groups/" + url.PathEscape(groupID) + "/members"
	err := p.Call(ctx, service.PeerRequest{Callee: "groups", Method: http.MethodGet, Path: path}, &answer)
	if err != nil && !answered(err, http.StatusNotFound) {
		return nil, err
	}
	others, isMember := without(answer.MemberIDs, senderID)
	if !isMember {
		return nil, forbidden("There is no such group, or you are no member", err)
	}
	return others, nil
}

// without is a list without one of its elements, and whether it was there.
func without(ids []string, id string) (others []string, found bool) {
	others = make([]string, 0, len(ids))
	for _, each := range ids {
		if each == id {
			found = true
			continue
		}
		others = append(others, each)
	}
	return others, found
}

// message is a text on its way to those who get it.
type message struct {
	ID              string   `json:"id"`
	SenderID        string   `json:"senderId"`
	ClientMessageID string   `json:"clientMessageId"`
	To              receiver `json:"to"`
	Text            string   `json:"text"`
	ReceiverIDs     []string `json:"receiverIds"`
}

func (p peers) store(ctx context.Context, m message) error {
	return p.Call(ctx, service.PeerRequest{Callee: "messages", Method: http.MethodPost, Path: "/v1/messages", Body: m}, nil)
}

func (p peers) notify(ctx context.Context, n notification) error {
	return p.Call(ctx, service.PeerRequest{Callee: "whatsapp-notification", Method: http.MethodPost, Path: "/v1/notifications", Body: n}, nil)
}

// answered says whether a peer answered with one of some statuses.
func answered(err error, statuses ...int) bool {
	var peer *service.PeerError
	if !errors.As(err, &peer) {
		return false
	}
	for _, status := range statuses {
		if peer.CalleeStatus == status {
			return true
		}
	}
	return false
}

func forbidden(detail string, cause error) *service.Problem {
	return &service.Problem{Status: http.StatusForbidden, Title: "Not allowed", Detail: detail, Cause: cause}
}
