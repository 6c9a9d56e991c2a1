package main

func spawnAndJoin(r *run) {
	round := func(count int) {
		for i := 0; i < count; i++ {
			ended := make(chan struct{})
			go func() { close(ended) }()
			<-ended
		}
	}
	tasks := r.size("tasks")
	round(tasks / 10)
	reportEach(tasks, func() { round(tasks) })
}

var _ = add("spawn_join", spawnAndJoin)
