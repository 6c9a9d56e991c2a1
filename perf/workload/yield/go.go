package main

import (
	"runtime"
	"sync"
)

func yieldTasks(r *run) {
	tasks := r.size("tasks")
	round := func(yields int) {
		var all sync.WaitGroup
		all.Add(tasks)
		for i := 0; i < tasks; i++ {
			go func() {
				for j := 0; j < yields; j++ {
					runtime.Gosched()
				}
				all.Done()
			}()
		}
		all.Wait()
	}
	each := r.size("yields") / tasks
	round(1 + each/10)
	reportEach(r.size("yields"), func() { round(each) })
}

var _ = add("yield", yieldTasks)
