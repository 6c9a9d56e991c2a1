package main

import (
	"io"
	"net"
	"sync"
	"time"
)

const echoBytes = 64

func answerEcho(connection net.Conn) {
	defer connection.Close()
	message := make([]byte, echoBytes)
	for {
		if _, err := io.ReadFull(connection, message); err != nil {
			return
		}
		if _, err := connection.Write(message); err != nil {
			return
		}
	}
}

// Sends `requests`, each when the one before was answered; returns how long each took, in us.
func askEcho(address string, requests int) []float64 {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		fail(err.Error())
	}
	defer connection.Close()
	message := make([]byte, echoBytes)
	times := make([]float64, requests)
	for i := range times {
		message[echoBytes-1] = byte(i % 100)
		start := time.Now()
		connection.Write(message)
		if _, err := io.ReadFull(connection, message); err != nil || message[echoBytes-1] != byte(i%100) {
			fail("an answer is wrong")
		}
		times[i] = float64(time.Since(start).Nanoseconds()) / 1e3
	}
	return times
}

// Asks on all connections at once; returns how long the requests took.
func askAllEcho(r *run, address string, requests int) []float64 {
	var mutex sync.Mutex
	var times []float64
	var all sync.WaitGroup
	all.Add(r.size("connections"))
	for i := 0; i < r.size("connections"); i++ {
		go func() {
			own := askEcho(address, requests)
			mutex.Lock()
			times = append(times, own...)
			mutex.Unlock()
			all.Done()
		}()
	}
	all.Wait()
	return times
}

func echoOverTCP(r *run) {
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
			go answerEcho(connection)
		}
	}()
	address, requests := server.Addr().String(), r.size("requests")
	askAllEcho(r, address, 1+requests/10)
	var times []float64
	time := nanosecondsOf(func() { times = askAllEcho(r, address, requests) })
	expectEqual(len(times), r.size("connections")*requests, "the number of answers")
	report("time", time/1e3/float64(len(times)), "us")
	report("p99", percentile(times, 0.99), "us")
}

var _ = add("echo", echoOverTCP)
