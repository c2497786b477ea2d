package freeport

import (
	"net"
	"testing"
)

func TestAddress_IsFreeAndNoneOfTheSystems(t *testing.T) {
	for range 20 {
		address := Address(t, "127.0.0.1")
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if free(address) {
			t.Errorf("%s is free while somebody listens", address)
		}
		if port := listener.Addr().(*net.TCPAddr).Port; port < lowest || port >= systems() {
			t.Errorf("port %d is the system's to give", port)
		}
		_ = listener.Close()
	}
	if port := Port(t); port < lowest {
		t.Errorf("port %d", port)
	}
}
