package main

import (
	"sync"
	"sync/atomic"
)

func handOverItems(r *run) {
	producers, consumers := r.size("producers"), r.size("consumers")
	round := func(items int) {
		queue := make(chan int, r.size("capacity"))
		var sum int64
		var all sync.WaitGroup
		all.Add(producers + consumers)
		for i := 0; i < consumers; i++ {
			go func() {
				own := 0
				for j := 0; j < items/consumers; j++ {
					own += <-queue
				}
				atomic.AddInt64(&sum, int64(own))
				all.Done()
			}()
		}
		for i := 0; i < producers; i++ {
			go func() {
				for j := 0; j < items/producers; j++ {
					queue <- j
				}
				all.Done()
			}()
		}
		all.Wait()
		each := items / producers
		expectEqual(int(sum), producers*(each*(each-1)/2), "the sum")
	}
	items := r.size("items")
	step := producers * consumers
	round((items/10/step + 1) * step)
	reportEach(items, func() { round(items) })
}

var _ = add("queue", handOverItems)
