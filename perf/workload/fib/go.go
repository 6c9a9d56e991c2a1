package main

import "sync"

func fib(n int) int {
	if n < 2 {
		return n
	}
	var larger int
	var forked sync.WaitGroup
	forked.Add(1)
	go func() {
		larger = fib(n - 1)
		forked.Done()
	}()
	smaller := fib(n - 2)
	forked.Wait()
	return larger + smaller
}

// The `n`th number of a row, each of which is the sum of the two before, and `more`.
func inRow(n, first, second, more int) int {
	for i := 0; i < n; i++ {
		first, second = second, first+second+more
	}
	return first
}

func forkAndJoin(r *run) {
	n := r.size("n")
	fib(n - 5)
	reportEach(inRow(n, 1, 1, 1), func() { expectEqual(fib(n), inRow(n, 0, 1, 0), "fib") })
}

var _ = add("fib", forkAndJoin)
