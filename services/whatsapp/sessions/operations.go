package main

import (
	"net/http"
	"regexp"

	"dotline.example/services/go/service"
)

const (
	secretMin = 16
	secretMax = 128
	tokenMax  = 2000
)

// E.164.
var phone = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

type operations struct{ people *directory }

func (o operations) handle(s *service.Service) {
	s.Handle("POST /v1/people", o.register)
	s.Handle("POST /v1/people/find", o.findPerson)
	s.Handle("POST /v1/sessions", o.signIn)
	s.Handle("POST /v1/sessions/verify", o.verify)
	s.Handle("DELETE /v1/sessions", o.signOut)
	s.Handle("GET /v1/keys", o.keys)
}

type credentials struct {
	Phone  string `json:"phone"`
	Secret string `json:"secret"`
}

// Validate implements service.Validated.
func (c credentials) Validate() []service.FieldError {
	wrong := number{c.Phone}.Validate()
	if len(c.Secret) < secretMin || len(c.Secret) > secretMax {
		wrong = append(wrong, service.FieldError{Field: "secret", Message: "must have 16 to 128 bytes"})
	}
	return wrong
}

type number struct {
	Phone string `json:"phone"`
}

// Validate implements service.Validated.
func (n number) Validate() []service.FieldError {
	if phone.MatchString(n.Phone) {
		return nil
	}
	return []service.FieldError{{Field: "phone", Message: "must be an E.164 number"}}
}

type tokenToVerify struct {
	Token string `json:"token"`
}

// Validate implements service.Validated.
func (t tokenToVerify) Validate() []service.FieldError {
	if t.Token != "" && len(t.Token) <= tokenMax {
		return nil
	}
	return []service.FieldError{{Field: "token", Message: "must have 1 to 2000 bytes"}}
}

func (o operations) register(w http.ResponseWriter, r *http.Request) error {
	body, err := service.Decode[credentials](w, r)
	if err != nil {
		return err
	}
	id, err := o.people.Register(r.Context(), body.Phone, body.Secret)
	if err != nil {
		return err
	}
	return service.Reply(w, http.StatusCreated, map[string]string{"personId": id})
}

func (o operations) findPerson(w http.ResponseWriter, r *http.Request) error {
	body, err := service.Decode[number](w, r)
	if err != nil {
		return err
	}
	id, err := o.people.Find(r.Context(), body.Phone)
	if err != nil {
		return err
	}
	return service.Reply(w, http.StatusOK, map[string]string{"personId": id})
}

func (o operations) signIn(w http.ResponseWriter, r *http.Request) error {
	body, err := service.Decode[credentials](w, r)
	if err != nil {
		return err
	}
	token, session, err := o.people.SignIn(r.Context(), body.Phone, body.Secret)
	if err != nil {
		return err
	}
	return service.Reply(w, http.StatusCreated, struct {
		Token string `json:"token"`
		Session
	}{token, session})
}

func (o operations) verify(w http.ResponseWriter, r *http.Request) error {
	body, err := service.Decode[tokenToVerify](w, r)
	if err != nil {
		return err
	}
	session, err := o.people.Verify(r.Context(), body.Token)
	if err != nil {
		return err
	}
	return service.Reply(w, http.StatusOK, session)
}

func (o operations) keys(w http.ResponseWriter, r *http.Request) error {
	keys, err := o.people.tokens.Keys(r.Context())
	if err != nil {
		return err
	}
	return service.Reply(w, http.StatusOK, map[string][]publicKey{"keys": keys})
}

func (o operations) signOut(w http.ResponseWriter, r *http.Request) error {
	token, err := service.BearerToken(r)
	if err != nil {
		return err
	}
	if err := o.people.SignOut(r.Context(), token); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
