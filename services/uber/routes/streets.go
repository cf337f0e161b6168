package main

import (
	"math"
	"math/rand/v2"

	"dotline.example/services/uber/city"
)

const (
	// The city has side × side junctions, one about every 180 m.
	side = 48
	// Every eighth street is an avenue.
	avenueEvery = 8
	// Share of the small streets that were never built, so that the way is rarely a straight line.
	missingShare = 0.15
	// Junctions are off the grid by up to this share of a block.
	jitterShare = 0.25

	streetMetresPerSecond = 25 / 3.6
	avenueMetresPerSecond = 45 / 3.6
)

// Street leads from one junction to another.
type Street struct {
	To      int
	Metres  float64
	Seconds float64
}

// Streets is the road network: junctions by index, and the streets that leave each.
type Streets struct {
	Junctions []city.Point
	Leaving   [][]Street
}

// generateStreets makes the same network on every run. Avenues are complete and cross, so every
// junction on one reaches every other; junctions cut off from them are connected again.
func generateStreets() *Streets {
	random := rand.New(rand.NewPCG(48, 15))
	s := &Streets{Junctions: make([]city.Point, 0, side*side), Leaving: make([][]Street, side*side)}
	jitter := func() float64 { return (random.Float64() - 0.5) * 2 * jitterShare }
	for y := range side {
		for x := range side {
			s.Junctions = append(s.Junctions, city.At((float64(x)+0.5+jitter())/side, (float64(y)+0.5+jitter())/side))
		}
	}
	type gap struct{ from, to int }
	var gaps []gap
	connected := newDisjointSets(side * side)
	build := func(from, to int, avenue bool) {
		if !avenue && random.Float64() < missingShare {
			gaps = append(gaps, gap{from, to})
			return
		}
		s.connect(from, to, avenue)
		connected.union(from, to)
	}
	for y := range side {
		for x := range side {
			here := y*side + x
			if x+1 < side {
				build(here, here+1, y%avenueEvery == 0)
			}
			if y+1 < side {
				build(here, here+side, x%avenueEvery == 0)
			}
		}
	}
	for _, g := range gaps {
		if connected.union(g.from, g.to) {
			s.connect(g.from, g.to, false)
		}
	}
	return s
}

func (s *Streets) connect(a, b int, avenue bool) {
	metres := city.Metres(s.Junctions[a], s.Junctions[b])
	speed := streetMetresPerSecond
	if avenue {
		speed = avenueMetresPerSecond
	}
	s.Leaving[a] = append(s.Leaving[a], Street{To: b, Metres: metres, Seconds: metres / speed})
	s.Leaving[b] = append(s.Leaving[b], Street{To: a, Metres: metres, Seconds: metres / speed})
}

// Nearest is the junction closest to a point. A linear scan of 2,304 junctions takes about 0.1 ms.
func (s *Streets) Nearest(p city.Point) int {
	best, bestMetres := 0, math.Inf(1)
	for i, junction := range s.Junctions {
		if metres := city.Metres(p, junction); metres < bestMetres {
			best, bestMetres = i, metres
		}
	}
	return best
}
