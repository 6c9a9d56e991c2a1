package main

import (
	"math/rand"
	"time"
)

func makeAndCancelTimers(r *run) {
	count := r.size("timers")
	random := rand.New(rand.NewSource(1))
	delays := make([]time.Duration, count)
	for i := range delays {
		delays[i] = time.Hour + time.Duration(random.Intn(3600000))*time.Millisecond
	}
	timers := make([]*time.Timer, count)
	create := func() {
		for i, delay := range delays {
			timers[i] = time.AfterFunc(delay, func() {})
		}
	}
	cancel := func() {
		for _, timer := range timers {
			timer.Stop()
		}
	}
	create()
	cancel()
	report("create", nanosecondsOf(create)/float64(count), "ns")
	report("cancel", nanosecondsOf(cancel)/float64(count), "ns")
}

var _ = add("timers", makeAndCancelTimers)
