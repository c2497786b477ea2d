// Package freeport finds addresses for processes that a test starts: ports that nobody
// has, over TCP and UDP, and that stay free while such a process is away. It is
// imported by tests only.
//
// The system gives ports of one range to whoever asks for any, and to every connection
// that goes out (ip_local_port_range of ip(7)). A port that was found by asking for any
// may be somebody else's by the time a process asks for it by number, a minute later
// above all. These are from below that range.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"testing"
)

// lowest is the first port that is given out: those below are for services.
const lowest = 20_000

// usual is where the system's range begins as a rule (Linux; others begin later).
const usual = 32_768

// Address gives a host, such as "127.0.0.1", with a port.
func Address(t testing.TB, host string) string {
	t.Helper()
	end := systems()
	for range 200 {
		address := net.JoinHostPort(host, strconv.Itoa(lowest+rand.IntN(end-lowest)))
		if free(address) {
			return address
		}
	}
	t.Fatalf("no port of %s is free from %d to %d", host, lowest, end)
	return ""
}

// Port is the port of an address of 127.0.0.1.
func Port(t testing.TB) int {
	t.Helper()
	_, text, _ := net.SplitHostPort(Address(t, "127.0.0.1"))
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// free reports whether both a listener and a socket can have an address.
func free(address string) bool {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	defer func() { _ = listener.Close() }()
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// systems is where the system's own range begins.
func systems() int {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	begin := 0
	if _, failed := fmt.Sscan(string(text), &begin); err != nil || failed != nil || begin < lowest+1000 {
		return usual
	}
	return begin
}
