package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"dotline.example/services/go/service"
	"dotline.example/services/go/valkeytest"
	"dotline.example/services/uber/city"
)

var centre = city.At(0.5, 0.5)

func fleetOf(t *testing.T, size int) *Fleet {
	t.Helper()
	f := &Fleet{store: valkeytest.Start(t)}
	if err := f.fillRoster(context.Background(), size); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestNearestFreeDriverFirst(t *testing.T) {
	ctx, f := context.Background(), fleetOf(t, 3)
	for i, east := range []float64{0.52, 0.505, 0.6} {
		if err := f.MoveTo(ctx, fmt.Sprintf("d-%04d", i+1), city.At(east, 0.5)); err != nil {
			t.Fatal(err)
		}
	}
	for order, want := range []string{"d-0002", "d-0001", "d-0003"} {
		driver, err := f.Reserve(ctx, fmt.Sprint("order", order), centre)
		if err != nil || driver.ID != want {
			t.Errorf("order %d got %q (%v), want %s", order, driver.ID, err, want)
		}
	}
	var problem *service.Problem
	if _, err := f.Reserve(ctx, "order9", centre); !errors.As(err, &problem) || problem.Status != 409 {
		t.Errorf("with nobody free: %v", err)
	}
}

func TestNoDriverHasTwoOrdersAndNoOrderTwoDrivers(t *testing.T) {
	ctx, f := context.Background(), fleetOf(t, 20)
	var (
		mutex sync.Mutex
		given = map[string]map[string]bool{} // driver → orders
		group sync.WaitGroup
	)
	for ask := range 60 {
		order := fmt.Sprint("order", ask%20) // each order is asked for three times at once
		group.Go(func() {
			driver, err := f.Reserve(ctx, order, centre)
			var problem *service.Problem
			if errors.As(err, &problem) && problem.Status == 409 {
				return // its three askers held three drivers for a moment
			}
			if err != nil {
				t.Error(err)
				return
			}
			mutex.Lock()
			defer mutex.Unlock()
			if given[driver.ID] == nil {
				given[driver.ID] = map[string]bool{}
			}
			given[driver.ID][order] = true
		})
	}
	group.Wait()
	orders := 0
	for driver, of := range given {
		if len(of) != 1 {
			t.Errorf("%s has orders %v", driver, of)
		}
		orders += len(of)
	}
	if orders > 20 {
		t.Errorf("%d drivers for 20 orders", orders)
	}
}

func TestReleaseMovesTheDriverAndFreesOnce(t *testing.T) {
	ctx, f := context.Background(), fleetOf(t, 1)
	for _, order := range []string{"first", "second"} {
		if _, err := f.Reserve(ctx, order, centre); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := f.Release(ctx, order, city.At(0.9, 0.9)); err != nil {
				t.Fatal(err)
			}
		}
	}
	free, err := f.Free(ctx, city.At(0.9, 0.9), 50)
	if err != nil || len(free) != 1 {
		t.Errorf("free at the drop-off: %v, %v", free, err)
	}
}
