package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Dijkstra by repeated relaxation (Bellman-Ford) is slow and plainly right.
func slowestCorrectSeconds(s *Streets, from int) []float64 {
	seconds := make([]float64, len(s.Junctions))
	for i := range seconds {
		seconds[i] = math.Inf(1)
	}
	seconds[from] = 0
	for changed := true; changed; {
		changed = false
		for here, streets := range s.Leaving {
			for _, street := range streets {
				if arrival := seconds[here] + street.Seconds; arrival < seconds[street.To] {
					seconds[street.To], changed = arrival, true
				}
			}
		}
	}
	return seconds
}

func TestFastestIsFastestAndConnected(t *testing.T) {
	s := generateStreets()
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		from := random.IntN(len(s.Junctions))
		want := slowestCorrectSeconds(s, from)
		for range 20 {
			to := random.IntN(len(s.Junctions))
			way, found := s.Fastest(from, to)
			if !found {
				t.Fatalf("no way from %d to %d", from, to)
			}
			if math.Abs(way.Seconds-want[to]) > 1e-6 {
				t.Errorf("%d to %d takes %.3f s, fastest is %.3f s", from, to, way.Seconds, want[to])
			}
			checkWay(t, s, way)
		}
	}
}

func checkWay(t *testing.T, s *Streets, way Way) {
	t.Helper()
	metres := 0.0
	for i := 1; i < len(way.Junctions); i++ {
		leg := math.Inf(1)
		for _, street := range s.Leaving[way.Junctions[i-1]] {
			if street.To == way.Junctions[i] {
				leg = street.Metres
			}
		}
		metres += leg
	}
	if math.Abs(metres-way.Metres) > 1e-6 {
		t.Errorf("the streets of the way are %.1f m, it says %.1f m", metres, way.Metres)
	}
}

func TestNoWay(t *testing.T) {
	s := generateStreets()
	s.Leaving[0] = nil
	if _, found := s.Fastest(0, 5); found {
		t.Error("found a way from a junction without streets")
	}
}

func TestSameStreetsEachRun(t *testing.T) {
	a, b := generateStreets(), generateStreets()
	if a.Junctions[100] != b.Junctions[100] || len(a.Leaving[100]) != len(b.Leaving[100]) {
		t.Error("two runs differ")
	}
}

func BenchmarkFastest(b *testing.B) {
	s := generateStreets()
	for b.Loop() {
		s.Fastest(0, len(s.Junctions)-1)
	}
}
