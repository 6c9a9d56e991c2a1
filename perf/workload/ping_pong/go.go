package main

func sendThereAndBack(r *run) {
	round := func(count int) {
		there, back := make(chan int, 1), make(chan int, 1)
		go func() {
			for i := 0; i < count; i++ {
				back <- 1 + <-there
			}
		}()
		ball := 0
		for i := 0; i < count; i++ {
			there <- ball
			ball = <-back
		}
		expectEqual(ball, count, "the number of trips")
	}
	trips := r.size("trips")
	round(1 + trips/10)
	reportEach(trips, func() { round(trips) })
}

var _ = add("ping_pong", sendThereAndBack)
