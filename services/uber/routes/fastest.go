package main

import (
	"container/heap"
	"math"
	"slices"

	"dotline.example/services/uber/city"
)

// Way is a path through junctions.
type Way struct {
	Junctions []int
	Metres    float64
	Seconds   float64
}

// Fastest is the way of the least time between two junctions, by A*: the rest of the way is
// estimated as the straight line at the highest speed, which never overestimates. The second result
// is false when there is no way.
func (s *Streets) Fastest(from, to int) (Way, bool) {
	const unreached = -1
	seconds := make([]float64, len(s.Junctions))
	metres := make([]float64, len(s.Junctions))
	before := make([]int, len(s.Junctions))
	done := make([]bool, len(s.Junctions))
	for i := range s.Junctions {
		seconds[i], before[i] = math.Inf(1), unreached
	}
	atBest := func(junction int) float64 {
		return city.Metres(s.Junctions[junction], s.Junctions[to]) / avenueMetresPerSecond
	}
	seconds[from] = 0
	open := &frontier{{junction: from, total: atBest(from)}}
	for open.Len() > 0 {
		here := heap.Pop(open).(candidate).junction
		if here == to {
			return Way{Junctions: trace(before, from, to), Metres: metres[to], Seconds: seconds[to]}, true
		}
		if done[here] {
			continue
		}
		done[here] = true
		for _, street := range s.Leaving[here] {
			if arrival := seconds[here] + street.Seconds; arrival < seconds[street.To] {
				seconds[street.To] = arrival
				metres[street.To] = metres[here] + street.Metres
				before[street.To] = here
				heap.Push(open, candidate{junction: street.To, total: arrival + atBest(street.To)})
			}
		}
	}
	return Way{}, false
}

func trace(before []int, from, to int) []int {
	path := []int{to}
	for at := to; at != from; {
		at = before[at]
		path = append(path, at)
	}
	slices.Reverse(path)
	return path
}

// candidate is a junction on the frontier with the least time that a way through it may take.
type candidate struct {
	junction int
	total    float64
}

type frontier []candidate

func (f frontier) Len() int           { return len(f) }
func (f frontier) Less(i, j int) bool { return f[i].total < f[j].total }
func (f frontier) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *frontier) Push(x any)        { *f = append(*f, x.(candidate)) }
func (f *frontier) Pop() any {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}
