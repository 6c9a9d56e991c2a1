package main

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

func parkTasks(r *run) {
	tasks := r.size("tasks")
	debug.SetGCPercent(-1)
	var parked int64
	before := residentBytes()
	for i := 0; i < tasks; i++ {
		go func() {
			atomic.AddInt64(&parked, 1)
			time.Sleep(time.Hour)
		}()
	}
	for atomic.LoadInt64(&parked) < int64(tasks) {
		runtime.Gosched()
	}
	report("memory", (residentBytes()-before)/float64(tasks), "bytes")
}

var _ = add("parked_memory", parkTasks)
