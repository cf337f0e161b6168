package city

import (
	"net/url"
	"strconv"

	"dotline.example/services/go/service"
)

// FromQuery reads the parameters lat and lon; its error is a Problem 400.
func FromQuery(query url.Values) (Point, error) {
	lat, latErr := strconv.ParseFloat(query.Get("lat"), 64)
	lon, lonErr := strconv.ParseFloat(query.Get("lon"), 64)
	p := Point{Lat: lat, Lon: lon}
	if latErr != nil || lonErr != nil {
		return p, service.Invalid(service.FieldError{Field: "lat, lon", Message: "must be degrees"})
	}
	if wrong := p.Validate(); len(wrong) > 0 {
		return p, service.Invalid(wrong...)
	}
	return p, nil
}

// Validate refuses points outside the city.
func (p Point) Validate() []service.FieldError {
	if Contains(p) {
		return nil
	}
	return []service.FieldError{{Field: "lat, lon", Message: "lies outside the city"}}
}
