package main

import (
	"runtime"
	"sync"
)

func takeTurns(r *run) {
	tasks := r.size("tasks")
	yields := r.size("yields") != 0
	round := func(each int) {
		var mutex sync.Mutex
		turns := 0
		var all sync.WaitGroup
		all.Add(tasks)
		for i := 0; i < tasks; i++ {
			go func() {
				for j := 0; j < each; j++ {
					mutex.Lock()
					turns++
					if yields {
						runtime.Gosched()
					}
					mutex.Unlock()
				}
				all.Done()
			}()
		}
		all.Wait()
		expectEqual(turns, tasks*each, "the number of turns")
	}
	each := r.size("turns") / tasks
	round(1 + each/10)
	reportEach(each*tasks, func() { round(each) })
}

var _ = add("lock", takeTurns)
