package main

import "sync"

// A square part of a matrix, whose rows are `stride` apart.
type part struct {
	cells  []int32
	stride int
}

func (p part) at(row, column int) part {
	return part{p.cells[row*p.stride+column:], p.stride}
}

func multiplyBlock(a, b, c part, size int) {
	for i := 0; i < size; i++ {
		into := c.cells[i*c.stride : i*c.stride+size]
		for k := 0; k < size; k++ {
			factor := a.cells[i*a.stride+k]
			from := b.cells[k*b.stride : k*b.stride+size]
			for j := range into {
				into[j] += factor * from[j]
			}
		}
	}
}

// c += a * b: four quarters at once, twice.
func multiply(a, b, c part, size, block int) {
	if size <= block {
		multiplyBlock(a, b, c, size)
		return
	}
	half := size / 2
	for _, k := range []int{0, half} {
		quarter := func(i, j int) {
			multiply(a.at(i, k), b.at(k, j), c.at(i, j), half, block)
		}
		var forked sync.WaitGroup
		fork := func(i, j int) {
			forked.Add(1)
			go func() {
				quarter(i, j)
				forked.Done()
			}()
		}
		fork(0, 0)
		fork(0, half)
		fork(half, 0)
		quarter(half, half)
		forked.Wait()
	}
}

func multiplyMatrices(r *run) {
	size := r.size("size")
	a, b := make([]int32, size*size), make([]int32, size*size)
	for i := 0; i < size; i++ {
		for j := 0; j < size; j++ {
			a[i*size+j] = int32(i)
			b[i*size+j] = int32(j)
		}
	}
	round := func() float64 {
		c := make([]int32, size*size)
		time := nanosecondsOf(func() {
			multiply(part{a, size}, part{b, size}, part{c, size}, size, r.size("block"))
		})
		for i := 0; i < size; i++ {
			for j := 0; j < size; j++ {
				expectEqual(int(c[i*size+j]), size*i*j, "a product")
			}
		}
		return time
	}
	round()
	report("time", round()/1e6, "ms")
}

var _ = add("matmul", multiplyMatrices)
