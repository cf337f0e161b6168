package main

// disjointSets tells which junctions are connected (union by path halving).
type disjointSets []int

func newDisjointSets(size int) disjointSets {
	sets := make(disjointSets, size)
	for i := range sets {
		sets[i] = i
	}
	return sets
}

// union joins two sets and reports whether they were apart.
func (d disjointSets) union(a, b int) bool {
	a, b = d.root(a), d.root(b)
	d[a] = b
	return a != b
}

func (d disjointSets) root(i int) int {
	for d[i] != i {
		d[i] = d[d[i]]
		i = d[i]
	}
	return i
}
