package main

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"

	"golang.org/x/sync/errgroup"

	"dotline.example/services/go/service"
	"dotline.example/services/uber/city"
)

const placeIDMax = 40

// Planner answers with the way between two places.
type Planner struct {
	peers   *service.Peers
	streets *Streets
}

type routeRequest struct {
	FromPlaceID string `json:"fromPlaceId"`
	ToPlaceID   string `json:"toPlaceId"`
}

// Validate implements service.Validated.
func (r routeRequest) Validate() (wrong []service.FieldError) {
	for field, id := range map[string]string{"fromPlaceId": r.FromPlaceID, "toPlaceId": r.ToPlaceID} {
		if id == "" || len(id) > placeIDMax {
			wrong = append(wrong, service.FieldError{Field: field, Message: "must be the id of a place"})
		}
	}
	if len(wrong) == 0 && r.FromPlaceID == r.ToPlaceID {
		wrong = append(wrong, service.FieldError{Field: "toPlaceId", Message: "must be another place"})
	}
	return wrong
}

type place struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	city.Point
}

type route struct {
	From            place        `json:"from"`
	To              place        `json:"to"`
	DistanceMetres  int          `json:"distanceMetres"`
	DurationSeconds int          `json:"durationSeconds"`
	Path            []city.Point `json:"path"`
}

func (p *Planner) find(w http.ResponseWriter, r *http.Request) error {
	request, err := service.Decode[routeRequest](w, r)
	if err != nil {
		return err
	}
	var from, to place
	group, ctx := errgroup.WithContext(r.Context())
	group.Go(func() (err error) { from, err = p.place(ctx, request.FromPlaceID); return err })
	group.Go(func() (err error) { to, err = p.place(ctx, request.ToPlaceID); return err })
	if err := group.Wait(); err != nil {
		return err
	}
	way, found := p.streets.Fastest(p.streets.Nearest(from.Point), p.streets.Nearest(to.Point))
	if !found {
		return &service.Problem{Status: http.StatusUnprocessableEntity, Title: "No route", Detail: "No street leads from " + from.Name + " to " + to.Name}
	}
	path := make([]city.Point, len(way.Junctions))
	for i, junction := range way.Junctions {
		path[i] = p.streets.Junctions[junction]
	}
	return service.Reply(w, http.StatusOK, route{
		From:            from,
		To:              to,
		DistanceMetres:  int(math.Ceil(way.Metres)),
		DurationSeconds: int(math.Ceil(way.Seconds)),
		Path:            path,
	})
}

func (p *Planner) place(ctx context.Context, id string) (found place, err error) {
	err = p.peers.Call(ctx, service.PeerRequest{
		Callee: "maps", Method: http.MethodGet, Path: "/v1/places/" + url.PathEscape(id),
	}, &found)
	var answer *service.PeerError
	if errors.As(err, &answer) && answer.CalleeStatus == http.StatusNotFound {
		return found, &service.Problem{Status: http.StatusUnprocessableEntity, Title: "Unknown place", Detail: "maps knows no place " + id}
	}
	return found, err
}
