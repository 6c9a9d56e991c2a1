package main

import "sync"

func spawnABatch(r *run) {
	tasks := r.size("tasks")
	round := func() {
		results := make([]int, tasks)
		var all sync.WaitGroup
		all.Add(tasks)
		for i := range results {
			go func(i int) {
				results[i] = i
				all.Done()
			}(i)
		}
		all.Wait()
		sum := 0
		for _, result := range results {
			sum += result
		}
		expectEqual(sum, tasks*(tasks-1)/2, "the sum")
	}
	round() // the memory is there
	reportEach(tasks, round)
}

var _ = add("spawn_batch", spawnABatch)
