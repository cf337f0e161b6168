package main

import (
	"net/http"
	"strconv"

	"dotline.example/services/go/service"
	"dotline.example/services/uber/city"
)

const idMax = 80

func (f *Fleet) handle(s *service.Service) {
	s.Handle("GET /v1/drivers", f.nearby)
	s.Handle("PUT /v1/drivers/{id}/position", f.reportPosition)
	s.Handle("POST /v1/reservations", f.reserve)
	s.Handle("POST /v1/reservations/{order}/release", f.release)
}

func (f *Fleet) nearby(w http.ResponseWriter, r *http.Request) error {
	point, err := city.FromQuery(r.URL.Query())
	if err != nil {
		return err
	}
	radius, err := strconv.ParseFloat(r.URL.Query().Get("radiusMetres"), 64)
	if err != nil || !(radius >= 1 && radius <= searchRadiusMetres) {
		return service.Invalid(service.FieldError{Field: "radiusMetres", Message: "must be 1 to 8000"})
	}
	free, err := f.Free(r.Context(), point, radius)
	if err != nil {
		return err
	}
	return service.Reply(w, http.StatusOK, map[string]any{"drivers": free})
}

func (f *Fleet) reportPosition(w http.ResponseWriter, r *http.Request) error {
	point, err := service.Decode[city.Point](w, r)
	if err != nil {
		return err
	}
	driver := r.PathValue("id")
	exists, err := f.Exists(r.Context(), driver)
	if err != nil {
		return err
	}
	if !exists {
		return service.NotFound("driver %q", driver)
	}
	if err := f.MoveTo(r.Context(), driver, point); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type reservationRequest struct {
	OrderID string     `json:"orderId"`
	At      city.Point `json:"at"`
}

// Validate implements service.Validated.
func (r reservationRequest) Validate() []service.FieldError {
	wrong := r.At.Validate()
	if r.OrderID == "" || len(r.OrderID) > idMax {
		wrong = append(wrong, service.FieldError{Field: "orderId", Message: "must be the id of an order"})
	}
	return wrong
}

func (f *Fleet) reserve(w http.ResponseWriter, r *http.Request) error {
	request, err := service.Decode[reservationRequest](w, r)
	if err != nil {
		return err
	}
	driver, err := f.Reserve(r.Context(), request.OrderID, request.At)
	if err != nil {
		return err
	}
	return service.Reply(w, http.StatusCreated, map[string]string{"driverId": driver.ID})
}

func (f *Fleet) release(w http.ResponseWriter, r *http.Request) error {
	point, err := service.Decode[city.Point](w, r)
	if err != nil {
		return err
	}
	if err := f.Release(r.Context(), r.PathValue("order"), point); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
