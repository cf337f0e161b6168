package main

import (
	"fmt"
	"math/rand/v2"

	"dotline.example/services/uber/city"
)

// Place is somewhere a ride can begin or end.
type Place struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	city.Point
}

var (
	firstNames = []string{
		"Amber", "Bridge", "Canal", "Dover", "Elm", "Foundry", "Garden", "Harbour", "Iron", "Juniper", "King",
		"Linden", "Mill", "North", "Orchard", "Park", "Quarry", "River", "Station", "Tower", "Union", "Victoria",
		"Willow", "York", "Zinc",
	}
	lastNames = []string{"Street", "Square", "Lane", "Quay", "Market", "Gate", "Court", "Hall", "Terrace", "Works"}
)

// gazetteer is the list of the city's places, the same on every run.
func gazetteer() []Place {
	random := rand.New(rand.NewPCG(7, 11))
	places := make([]Place, 0, len(firstNames)*len(lastNames))
	for _, first := range firstNames {
		for _, last := range lastNames {
			places = append(places, Place{
				ID:    fmt.Sprintf("p-%03d", len(places)+1),
				Name:  first + " " + last,
				Point: city.At(random.Float64(), random.Float64()),
			})
		}
	}
	return places
}
