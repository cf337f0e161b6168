package service

import (
	"encoding/json"
	"net/http"
	"strings"
)

const bodyBytesMax = 65_536

// FieldError is one thing wrong with what a caller sent.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Validated is a request body that knows its own rules.
type Validated interface {
	// Validate returns everything that is wrong, or nothing.
	Validate() []FieldError
}

// Decode parses a JSON body; its error is a Problem 400 that names every wrong field.
func Decode[T Validated](w http.ResponseWriter, r *http.Request) (T, error) {
	var body T
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyBytesMax))
	if err := decoder.Decode(&body); err != nil {
		return body, Invalid(FieldError{Field: "body", Message: err.Error()})
	}
	if wrong := body.Validate(); len(wrong) > 0 {
		return body, Invalid(wrong...)
	}
	return body, nil
}

// Invalid is a Problem 400 that names every wrong field.
func Invalid(wrong ...FieldError) *Problem {
	details := make([]string, len(wrong))
	for i, field := range wrong {
		details[i] = field.Field + ": " + field.Message
	}
	return &Problem{
		Status:  http.StatusBadRequest,
		Title:   "Invalid request",
		Detail:  strings.Join(details, "; "),
		Members: map[string]any{"errors": wrong},
	}
}

// Reply answers with JSON.
func Reply(w http.ResponseWriter, status int, body any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(encoded)
	return err
}
