package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
)

// Problem is an error that a caller is told about. Source: RFC 9457.
type Problem struct {
	Status int
	Title  string
	// Detail is what a person needs to act.
	Detail string
	// Members are further members of the document.
	Members map[string]any
	// Cause is logged, not told.
	Cause error
}

func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

func (p *Problem) Unwrap() error { return p.Cause }

// NotFound is 404 with what was looked for.
func NotFound(format string, arguments ...any) *Problem {
	return &Problem{Status: http.StatusNotFound, Title: "Not found", Detail: "There is no " + fmt.Sprintf(format, arguments...)}
}

// StoreUnavailable says that the service's own store does not answer; it is tried again, and so may the caller.
func StoreUnavailable(store string, cause error) *Problem {
	return &Problem{
		Status:  http.StatusServiceUnavailable,
		Title:   "Store unavailable",
		Detail:  store + " does not answer; try again",
		Members: map[string]any{"store": store},
		Cause:   cause,
	}
}

func writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	var problem *Problem
	if !errors.As(err, &problem) {
		problem = &Problem{
			Status: http.StatusInternalServerError,
			Title:  "Internal error",
			Detail: "The service failed; its log has the cause",
			Cause:  err,
		}
	}
	if problem.Status >= http.StatusInternalServerError {
		slog.ErrorContext(r.Context(), problem.Detail, "method", r.Method, "path", r.URL.Path, "cause", fmt.Sprint(problem.Cause))
	}
	document := map[string]any{}
	maps.Copy(document, problem.Members)
	document["type"] = "about:blank"
	document["title"] = problem.Title
	document["status"] = problem.Status
	document["detail"] = problem.Detail
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(problem.Status)
	_ = json.NewEncoder(w).Encode(document)
}
