// Go's side of the workloads: PROGRAM WORKLOAD WORKERS [SIZE=NUMBER]...
// prints a line for each figure, "M METRIC VALUE UNIT". perf/workload/*/go.go are a part of it.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
)

// What one run is to do.
type run struct {
	sizes map[string]int
}

var workloads = map[string]func(*run){}

// For a variable of the package.
func add(name string, body func(*run)) bool {
	workloads[name] = body
	return true
}

func fail(message string) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", os.Args[0], message)
	os.Exit(1)
}

func (r *run) size(name string) int {
	size, found := r.sizes[name]
	if !found {
		fail("the size '" + name + "' is missing")
	}
	return size
}

func report(metric string, value float64, unit string) {
	fmt.Printf("M %s %.3f %s\n", metric, value, unit)
}

// Reports what each of `count` took, of all that `body` does.
func reportEach(count int, body func()) {
	report("time", nanosecondsOf(body)/float64(count), "ns")
}

func nanosecondsOf(body func()) float64 {
	start := time.Now()
	body()
	return float64(time.Since(start).Nanoseconds())
}

func expectEqual(found, expected int, what string) {
	if found != expected {
		fail(fmt.Sprintf("%s is %d, not %d", what, found, expected))
	}
}

// Keeps the thread for that long, as a computation would.
func keepBusy(duration time.Duration) {
	for start := time.Now(); time.Since(start) < duration; {
	}
}

// The time below which `share` of `times` are; sorts them.
func percentile(times []float64, share float64) float64 {
	sort.Float64s(times)
	index := int(share * float64(len(times)))
	if index >= len(times) {
		index = len(times) - 1
	}
	return times[index]
}

func residentBytes() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmRSS:") {
			size, _ := strconv.ParseFloat(strings.Fields(line)[1], 64)
			return size * 1024
		}
	}
	fail("the system does not say how much memory is resident")
	return 0
}

func main() {
	if len(os.Args) < 3 {
		fail("usage: WORKLOAD WORKERS [SIZE=NUMBER]...")
	}
	body, found := workloads[os.Args[1]]
	if !found {
		fail("there is no workload " + os.Args[1])
	}
	workers, _ := strconv.Atoi(os.Args[2])
	runtime.GOMAXPROCS(workers)
	sizes := map[string]int{}
	for _, word := range os.Args[3:] {
		name, number, _ := strings.Cut(word, "=")
		sizes[name], _ = strconv.Atoi(number)
	}
	body(&run{sizes})
}
