package main

import (
	"net/http"
	"strconv"

	"dotline.example/services/go/service"
	"dotline.example/services/uber/city"
)

const (
	searchLimit    = 10
	searchLimitMax = 50
	textMax        = 60
)

func (a *Atlas) handle(s *service.Service) {
	s.Handle("GET /v1/places", a.search)
	s.Handle("GET /v1/places/{id}", a.get)
	s.Handle("GET /v1/nearest", a.nearest)
}

func (a *Atlas) search(w http.ResponseWriter, r *http.Request) error {
	text := r.URL.Query().Get("text")
	if len(text) > textMax {
		return service.Invalid(service.FieldError{Field: "text", Message: "is too long"})
	}
	limit := int64(searchLimit)
	if asked := r.URL.Query().Get("limit"); asked != "" {
		parsed, err := strconv.ParseInt(asked, 10, 64)
		if err != nil || parsed < 1 || parsed > searchLimitMax {
			return service.Invalid(service.FieldError{Field: "limit", Message: "must be 1 to 50"})
		}
		limit = parsed
	}
	places, err := a.Search(r.Context(), text, limit)
	if err != nil {
		return err
	}
	return service.Reply(w, http.StatusOK, map[string]any{"places": places})
}

func (a *Atlas) get(w http.ResponseWriter, r *http.Request) error {
	place, err := a.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return service.Reply(w, http.StatusOK, place)
}

func (a *Atlas) nearest(w http.ResponseWriter, r *http.Request) error {
	point, err := city.FromQuery(r.URL.Query())
	if err != nil {
		return err
	}
	place, err := a.Nearest(r.Context(), point)
	if err != nil {
		return err
	}
	return service.Reply(w, http.StatusOK, place)
}
