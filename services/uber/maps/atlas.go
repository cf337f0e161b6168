package main

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"dotline.example/services/go/service"
	"dotline.example/services/go/valkey"
	"dotline.example/services/uber/city"
)

const (
	nearestRadiusMetres = 3000
	// Names and ids share one member of the index; no name contains this.
	separator = "\x00"
	// A store that lost its data is filled again after at most this long.
	refillInterval = 15 * time.Second
)

// Atlas keeps places in Valkey: a hash for each, a geo index of positions, an index of names.
type Atlas struct {
	store *valkey.Store
}

// Fill writes places; doing it again changes nothing.
func (a *Atlas) Fill(ctx context.Context, places []Place) error {
	_, err := a.store.Client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, p := range places {
			pipe.HSet(ctx, a.store.Key("place", p.ID), "name", p.Name, "lat", p.Lat, "lon", p.Lon)
			pipe.GeoAdd(ctx, a.positions(), &redis.GeoLocation{Name: p.ID, Latitude: p.Lat, Longitude: p.Lon})
			pipe.ZAdd(ctx, a.names(), redis.Z{Member: strings.ToLower(p.Name) + separator + p.ID})
		}
		return nil
	})
	return valkey.Explain(err)
}

// Get returns one place; its error is a Problem 404 when there is none.
func (a *Atlas) Get(ctx context.Context, id string) (Place, error) {
	fields, err := a.store.Client.HGetAll(ctx, a.store.Key("place", id)).Result()
	if err != nil {
		return Place{}, valkey.Explain(err)
	}
	lat, latErr := strconv.ParseFloat(fields["lat"], 64)
	lon, lonErr := strconv.ParseFloat(fields["lon"], 64)
	if errors.Join(latErr, lonErr) != nil {
		return Place{}, service.NotFound("place %q", id)
	}
	return Place{ID: id, Name: fields["name"], Point: city.Point{Lat: lat, Lon: lon}}, nil
}

// Search returns at most limit places whose names begin with text, in the order of their names.
func (a *Atlas) Search(ctx context.Context, text string, limit int64) ([]Place, error) {
	text = strings.ToLower(text)
	members, err := a.store.Client.ZRangeArgs(ctx, redis.ZRangeArgs{
		Key:   a.names(),
		Start: "[" + text,
		Stop:  "[" + text + "\xff",
		ByLex: true,
		Count: limit,
	}).Result()
	if err != nil {
		return nil, valkey.Explain(err)
	}
	places := make([]Place, 0, len(members))
	for _, member := range members {
		_, id, _ := strings.Cut(member, separator)
		place, err := a.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		places = append(places, place)
	}
	return places, nil
}

// Nearest returns the place closest to a point; its error is a Problem 404 when none is near.
func (a *Atlas) Nearest(ctx context.Context, p city.Point) (Place, error) {
	ids, err := a.store.Client.GeoSearch(ctx, a.positions(), &redis.GeoSearchQuery{
		Latitude: p.Lat, Longitude: p.Lon, Radius: nearestRadiusMetres, RadiusUnit: "m", Sort: "ASC", Count: 1,
	}).Result()
	if err != nil {
		return Place{}, valkey.Explain(err)
	}
	if len(ids) == 0 {
		return Place{}, service.NotFound("place within %d m", nearestRadiusMetres)
	}
	return a.Get(ctx, ids[0])
}

// keepFilled fills the store when it is empty, now and whenever it has lost its data.
func (a *Atlas) keepFilled(ctx context.Context, places []Place) {
	ticker := time.NewTicker(refillInterval)
	defer ticker.Stop()
	for {
		count, err := a.store.Client.ZCard(ctx, a.names()).Result()
		if err == nil && count < int64(len(places)) {
			err = a.Fill(ctx, places)
			slog.Info("filled the atlas", "places", len(places), "ok", err == nil)
		}
		if err != nil && ctx.Err() == nil {
			slog.Warn("atlas not ready", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (a *Atlas) positions() string { return a.store.Key("positions") }

func (a *Atlas) names() string { return a.store.Key("names") }
