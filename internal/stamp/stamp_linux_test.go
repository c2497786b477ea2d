package stamp

import (
	"net"
	"testing"
	"time"
)

func TestOf_IsBetweenSendingAndReading(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	Ask(conn)
	before := time.Now().UnixNano()
	if _, err := conn.WriteTo([]byte("hello"), conn.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	body, control := make([]byte, 16), make([]byte, 64)
	_, n, _, _, err := conn.ReadMsgUDP(body, control)
	if err != nil {
		t.Fatal(err)
	}
	if at, known := Of(control[:n]); !known || at < before || at > time.Now().UnixNano() {
		t.Errorf("%d, %v, sent at %d", at, known, before)
	}
	for _, odd := range [][]byte{nil, control[:5], make([]byte, 64)} {
		if at, known := Of(odd); known {
			t.Errorf("%d of %v", at, odd)
		}
	}
}
