package main

import (
	"sync"
	"time"
)

const oneTick = time.Millisecond

// Wakes at each tick until `end`; returns how late each was, from `start` on.
func tick(start, end time.Time) []float64 {
	var late []float64
	for due := time.Now().Add(oneTick); due.Before(end); due = due.Add(oneTick) {
		time.Sleep(time.Until(due))
		if !due.Before(start) {
			late = append(late, float64(time.Since(due).Nanoseconds())/1e6)
		}
	}
	return late
}

func keepOneWorker(r *run) {
	stuck := time.Duration(r.size("stuck_ms")) * time.Millisecond
	start := time.Now().Add(50 * time.Millisecond)
	var mutex sync.Mutex
	var late []float64
	var all sync.WaitGroup
	for i := 0; i < r.size("tasks"); i++ {
		all.Add(1)
		go func() {
			own := tick(start, start.Add(stuck))
			mutex.Lock()
			late = append(late, own...)
			mutex.Unlock()
			all.Done()
		}()
	}
	time.Sleep(time.Until(start))
	keepBusy(stuck)
	all.Wait()
	report("p99", percentile(late, 0.99), "ms")
}

var _ = add("stuck_loop", keepOneWorker)
