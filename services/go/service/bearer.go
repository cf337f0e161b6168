package service

import (
	"net/http"
	"strings"
)

// BearerToken is the token that a request carries; without one the error is a Problem 401.
func BearerToken(r *http.Request) (string, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") || token == "" {
		return "", NotSignedIn("Send the token as Authorization: Bearer", nil)
	}
	return token, nil
}

// NotSignedIn is 401 with what to do about it.
func NotSignedIn(detail string, cause error) *Problem {
	return &Problem{Status: http.StatusUnauthorized, Title: "Not signed in", Detail: detail, Cause: cause}
}
