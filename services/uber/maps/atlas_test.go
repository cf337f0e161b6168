package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"dotline.example/services/go/service"
	"dotline.example/services/go/valkeytest"
	"dotline.example/services/uber/city"
)

func filledAtlas(t *testing.T) *Atlas {
	t.Helper()
	a := &Atlas{store: valkeytest.Start(t)}
	if err := a.Fill(context.Background(), gazetteer()); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAtlas(t *testing.T) {
	ctx, a := context.Background(), filledAtlas(t)
	place := gazetteer()[42]

	got, err := a.Get(ctx, place.ID)
	if err != nil || got != place {
		t.Errorf("Get: %+v, %v", got, err)
	}
	near, err := a.Nearest(ctx, place.Point)
	if err != nil || near != place {
		t.Errorf("Nearest: %+v, %v", near, err)
	}
	found, err := a.Search(ctx, "HARBOUR ", 50)
	if err != nil || len(found) != len(lastNames) {
		t.Errorf("Search: %+v, %v", found, err)
	}
	for _, p := range found {
		if !strings.HasPrefix(p.Name, "Harbour ") {
			t.Errorf("%q does not begin with the text", p.Name)
		}
	}
	var problem *service.Problem
	if _, err := a.Get(ctx, "p-999"); !errors.As(err, &problem) || problem.Status != 404 {
		t.Errorf("an unknown place: %v", err)
	}
}

func TestOperations(t *testing.T) {
	a := filledAtlas(t)
	s := service.New(a.store.Ping)
	a.handle(s)
	for path, want := range map[string]int{
		"/healthz":                      200,
		"/v1/places?text=mill&limit=3":  200,
		"/v1/places?limit=51":           400,
		"/v1/places/p-001":              200,
		"/v1/places/p-999":              404,
		"/v1/nearest?lat=52.37&lon=4.9": 200,
		"/v1/nearest?lat=1&lon=1":       400,
		"/v1/nothing":                   404,
	} {
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		if answer.Code != want {
			t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
		}
		var document map[string]any
		if err := json.Unmarshal(answer.Body.Bytes(), &document); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestEveryPlaceIsInTheCity(t *testing.T) {
	for _, p := range gazetteer() {
		if !city.Contains(p.Point) {
			t.Errorf("%+v is outside", p)
		}
	}
}
