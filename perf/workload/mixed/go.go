package main

import (
	"io"
	"net"
	"sync"
	"time"
)

const messageBytes = 64

func answer(connection net.Conn, busy time.Duration) {
	defer connection.Close()
	message := make([]byte, messageBytes)
	for {
		if _, err := io.ReadFull(connection, message); err != nil {
			return
		}
		if message[0] == 'l' {
			keepBusy(busy)
		}
		if _, err := connection.Write(message); err != nil {
			return
		}
	}
}

// Sends `requests` of a kind, each when the one before was answered; returns how long each took, in us.
func ask(address string, kind byte, requests int) []float64 {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		fail(err.Error())
	}
	defer connection.Close()
	message := make([]byte, messageBytes)
	times := make([]float64, requests)
	for i := range times {
		message[0] = kind
		start := time.Now()
		connection.Write(message)
		if _, err := io.ReadFull(connection, message); err != nil || message[0] != kind {
			fail("an answer is wrong")
		}
		times[i] = float64(time.Since(start).Nanoseconds()) / 1e3
	}
	return times
}

// Asks on all connections at once; returns how long the short requests took.
func askAll(r *run, address string) []float64 {
	var mutex sync.Mutex
	var times []float64
	var all sync.WaitGroup
	all.Add(r.size("connections") + r.size("busy_connections"))
	for i := 0; i < r.size("connections"); i++ {
		go func() {
			own := ask(address, 's', r.size("requests"))
			mutex.Lock()
			times = append(times, own...)
			mutex.Unlock()
			all.Done()
		}()
		if i < r.size("busy_connections") {
			go func() {
				ask(address, 'l', r.size("busy_requests"))
				all.Done()
			}()
		}
	}
	all.Wait()
	return times
}

func serveShortAndLong(r *run) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err.Error())
	}
	go func() {
		for {
			connection, err := server.Accept()
			if err != nil {
				return
			}
			go answer(connection, time.Duration(r.size("busy_us"))*time.Microsecond)
		}
	}()
	address := server.Addr().String()
	askAll(r, address)
	var times []float64
	time := nanosecondsOf(func() { times = askAll(r, address) })
	report("time", time/1e3/float64(len(times)), "us")
	report("p99", percentile(times, 0.99), "us")
}

var _ = add("mixed", serveShortAndLong)
