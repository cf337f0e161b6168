package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"dotline.example/services/go/service"
	"dotline.example/services/go/valkey"
	"dotline.example/services/uber/city"
)

const (
	searchRadiusMetres = 8000
	// How many drivers are looked at, nearest first, before an order is told that none is free.
	candidatesMax = 50
	// An order that died holds its driver no longer than this.
	reservationMax = 15 * time.Minute
	// A store that lost its data is filled again after at most this long.
	rosterInterval = 15 * time.Second
)

// Fleet keeps drivers in Valkey: a geo index of positions, and for each reservation two keys,
// driver → order (who decides) and order → driver (so that asking again gives the same answer).
type Fleet struct {
	store *valkey.Store
}

// Driver is someone near a point.
type Driver struct {
	ID             string `json:"id"`
	DistanceMetres int    `json:"distanceMetres"`
}

// deleteIfEqual removes a key only while it holds the expected value.
var deleteIfEqual = redis.NewScript(`if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`)

// MoveTo records where a driver is.
func (f *Fleet) MoveTo(ctx context.Context, driver string, p city.Point) error {
	return valkey.Explain(f.store.Client.GeoAdd(ctx, f.positions(), &redis.GeoLocation{
		Name: driver, Latitude: p.Lat, Longitude: p.Lon,
	}).Err())
}

// Exists reports whether a driver is on the roster.
func (f *Fleet) Exists(ctx context.Context, driver string) (bool, error) {
	err := f.store.Client.ZScore(ctx, f.positions(), driver).Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil, valkey.Explain(err)
}

// Free lists the drivers without an order around a point, nearest first.
func (f *Fleet) Free(ctx context.Context, p city.Point, radiusMetres float64) ([]Driver, error) {
	found, err := f.store.Client.GeoSearchLocation(ctx, f.positions(), &redis.GeoSearchLocationQuery{
		GeoSearchQuery: redis.GeoSearchQuery{
			Latitude: p.Lat, Longitude: p.Lon, Radius: radiusMetres, RadiusUnit: "m", Sort: "ASC", Count: candidatesMax,
		},
		WithDist: true,
	}).Result()
	if err != nil || len(found) == 0 {
		return []Driver{}, valkey.Explain(err)
	}
	keys := make([]string, len(found))
	for i, location := range found {
		keys[i] = f.orderOf(location.Name)
	}
	orders, err := f.store.Client.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, valkey.Explain(err)
	}
	free := make([]Driver, 0, len(found))
	for i, location := range found {
		if orders[i] == nil {
			free = append(free, Driver{ID: location.Name, DistanceMetres: int(location.Dist)})
		}
	}
	return free, nil
}

// Reserve lends the nearest free driver to an order. Asking again for the same order gives the same
// driver. Its error is a Problem 409 when nobody is free.
func (f *Fleet) Reserve(ctx context.Context, order string, at city.Point) (Driver, error) {
	if driver, err := f.reserved(ctx, order); err != nil || driver != "" {
		return Driver{ID: driver}, err
	}
	free, err := f.Free(ctx, at, searchRadiusMetres)
	if err != nil {
		return Driver{}, err
	}
	for _, driver := range free {
		// Who sets the key first has the driver; everybody else goes on to the next one.
		won, err := f.setIfAbsent(ctx, f.orderOf(driver.ID), order)
		if err != nil {
			return Driver{}, err
		}
		if !won {
			continue
		}
		return f.settle(ctx, order, driver)
	}
	return Driver{}, noDriver()
}

// settle makes a driver the order's driver, unless the same order was asked for twice at once and
// the other one was faster: then this driver is given back.
func (f *Fleet) settle(ctx context.Context, order string, driver Driver) (Driver, error) {
	first, err := f.setIfAbsent(ctx, f.driverOf(order), driver.ID)
	if err != nil {
		return Driver{}, err
	}
	if first {
		return driver, nil
	}
	if err := f.giveBack(ctx, driver.ID, order); err != nil {
		return Driver{}, err
	}
	earlier, err := f.reserved(ctx, order)
	if err == nil && earlier == "" {
		// The other one was even released in between.
		err = noDriver()
	}
	return Driver{ID: earlier}, err
}

func noDriver() *service.Problem {
	return &service.Problem{Status: http.StatusConflict, Title: "No driver", Detail: "Every driver nearby has an order; try again"}
}

// Release ends an order's reservation and leaves its driver at a point. Doing it again does nothing.
func (f *Fleet) Release(ctx context.Context, order string, at city.Point) error {
	driver, err := f.reserved(ctx, order)
	if err != nil || driver == "" {
		return err
	}
	if err := f.MoveTo(ctx, driver, at); err != nil {
		return err
	}
	if err := f.giveBack(ctx, driver, order); err != nil {
		return err
	}
	return valkey.Explain(f.store.Client.Del(ctx, f.driverOf(order)).Err())
}

func (f *Fleet) giveBack(ctx context.Context, driver, order string) error {
	return valkey.Explain(deleteIfEqual.Run(ctx, f.store.Client, []string{f.orderOf(driver)}, order).Err())
}

func (f *Fleet) setIfAbsent(ctx context.Context, key, value string) (bool, error) {
	err := f.store.Client.SetArgs(ctx, key, value, redis.SetArgs{Mode: "NX", TTL: reservationMax}).Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil, valkey.Explain(err)
}

// reserved is the order's driver, or nothing.
func (f *Fleet) reserved(ctx context.Context, order string) (string, error) {
	driver, err := f.store.Client.Get(ctx, f.driverOf(order)).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return driver, valkey.Explain(err)
}

// keepOnDuty puts every driver of the fleet somewhere in the city, now and whenever the store has
// lost them; those that are on the roster stay where they are.
func (f *Fleet) keepOnDuty(ctx context.Context, size int) {
	ticker := time.NewTicker(rosterInterval)
	defer ticker.Stop()
	for {
		if err := f.fillRoster(ctx, size); err != nil && ctx.Err() == nil {
			slog.Warn("roster not ready", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (f *Fleet) fillRoster(ctx context.Context, size int) error {
	count, err := f.store.Client.ZCard(ctx, f.positions()).Result()
	if err != nil || count >= int64(size) {
		return valkey.Explain(err)
	}
	_, err = f.store.Client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for n := range size {
			p := city.At(rand.Float64(), rand.Float64())
			// GEOADD NX: a driver who is on the roster keeps the position.
			pipe.Do(ctx, "GEOADD", f.positions(), "NX", p.Lon, p.Lat, fmt.Sprintf("d-%04d", n+1))
		}
		return nil
	})
	slog.Info("filled the roster", "drivers", size, "ok", err == nil)
	return valkey.Explain(err)
}

func (f *Fleet) positions() string { return f.store.Key("positions") }

func (f *Fleet) orderOf(driver string) string { return f.store.Key("order-of", driver) }

func (f *Fleet) driverOf(order string) string { return f.store.Key("driver-of", order) }
