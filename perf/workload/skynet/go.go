package main

import "sync"

const children = 10

// The sum of the `leaves` numbers from `first` on: a task for each child.
func sumOf(first, leaves int) int {
	if leaves == 1 {
		return first
	}
	each := leaves / children
	var sums [children]int
	var all sync.WaitGroup
	all.Add(children)
	for i := range sums {
		go func(i int) {
			sums[i] = sumOf(first+i*each, each)
			all.Done()
		}(i)
	}
	all.Wait()
	total := 0
	for _, sum := range sums {
		total += sum
	}
	return total
}

func sumOfLeaves(r *run) {
	leaves := r.size("leaves")
	round := func() { expectEqual(sumOf(0, leaves), leaves*(leaves-1)/2, "the sum") }
	round()
	report("time", nanosecondsOf(round)/1e6, "ms")
}

var _ = add("skynet", sumOfLeaves)
