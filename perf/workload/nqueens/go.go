package main

import "sync"

const mostRows = 16

// The column of the queen in each row that has one.
type board [mostRows]int8

func (b *board) isSafe(row, column int) bool {
	for above := 0; above < row; above++ {
		there, distance := int(b[above]), row-above
		if there == column || there == column-distance || there == column+distance {
			return false
		}
	}
	return true
}

// How many ways there are to fill the rows from `row` on: a task for each queen.
func countWays(rows, row int, b board) int {
	if row == rows {
		return 1
	}
	var ways [mostRows]int
	var all sync.WaitGroup
	for column := 0; column < rows; column++ {
		if b.isSafe(row, column) {
			b[row] = int8(column)
			all.Add(1)
			go func(column int, b board) {
				ways[column] = countWays(rows, row+1, b)
				all.Done()
			}(column, b)
		}
	}
	all.Wait()
	total := 0
	for _, each := range ways {
		total += each
	}
	return total
}

func placeQueens(r *run) {
	round := func() {
		expectEqual(countWays(r.size("rows"), 0, board{}), r.size("ways"), "the number of ways")
	}
	round()
	report("time", nanosecondsOf(round)/1e6, "ms")
}

var _ = add("nqueens", placeQueens)
