package main

import (
	"regexp"
	"unicode/utf8"

	"dotline.example/services/go/service"
)

const textMax = 4096

var clientMessageID = regexp.MustCompile(`^[A-Za-z0-9-]{8,80}$`)

// text is what a phone sends.
type text struct {
	// ClientMessageID is chosen by the phone; sending it again sends nothing twice.
	ClientMessageID string   `json:"clientMessageId"`
	To              receiver `json:"to"`
	Text            string   `json:"text"`
}

// receiver is a person or a group.
type receiver struct {
	PersonID string `json:"personId,omitempty"`
	GroupID  string `json:"groupId,omitempty"`
}

// Validate implements service.Validated.
func (t text) Validate() []service.FieldError {
	var wrong []service.FieldError
	if !clientMessageID.MatchString(t.ClientMessageID) {
		wrong = append(wrong, service.FieldError{Field: "clientMessageId", Message: "must be 8 to 80 letters, digits and dashes"})
	}
	if length := utf8.RuneCountInString(t.Text); length < 1 || length > textMax || !utf8.ValidString(t.Text) {
		wrong = append(wrong, service.FieldError{Field: "text", Message: "must have 1 to 4096 characters"})
	}
	one := (t.To.PersonID == "") != (t.To.GroupID == "")
	if !one || !service.IsUUID(t.To.PersonID+t.To.GroupID) {
		wrong = append(wrong, service.FieldError{Field: "to", Message: "must be the id of either a person or a group"})
	}
	return wrong
}
