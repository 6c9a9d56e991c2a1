package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

func wakeAWorker(r *run) {
	wakes := r.size("wakes")
	pause := time.Duration(r.size("pause_us")) * time.Microsecond
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) // the thread that wakes takes one for itself
	queue := make(chan time.Time)
	var waits int32
	go func() {
		runtime.LockOSThread()
		for i := 0; i < wakes; i++ {
			for !atomic.CompareAndSwapInt32(&waits, 1, 0) {
			}
			keepBusy(pause) // the worker has gone to sleep by then
			queue <- time.Now()
		}
	}()
	times := make([]float64, wakes)
	for i := range times {
		atomic.StoreInt32(&waits, 1)
		woken := <-queue
		times[i] = float64(time.Since(woken).Nanoseconds())
	}
	report("p50", percentile(times, 0.5), "ns")
}

var _ = add("wake", wakeAWorker)
