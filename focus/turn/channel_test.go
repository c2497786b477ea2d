package turn

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"meshfocus/focus/udp"
)

func TestChannelData_IsTakenApart(t *testing.T) {
	for datagram, want := range map[string]string{
		"\x40\x00\x00\x02in": "in", "\x4f\xff\x00\x02in\x00\x00": "in", "\x40\x00\x00\x00": "", "\x7f\xff\x00\x01a": "a",
	} {
		number, data, ok := channelData([]byte(datagram))
		if !ok || string(data) != want || number != uint16(datagram[0])<<8|uint16(datagram[1]) {
			t.Errorf("%q: channel %x, %q, %v", datagram, number, data, ok)
		}
	}
	for _, datagram := range []string{"", "\x40", "\x40\x00\x00", "\x40\x00\x00\x03in", "\x40\x00\xff\xffin", "\x00\x01\x00\x00", "\x80\x00\x00\x02in"} {
		if _, _, ok := channelData([]byte(datagram)); ok {
			t.Errorf("%q is ChannelData", datagram)
		}
	}
}

func TestChannels_AreThoseThatAreBound(t *testing.T) {
	var c channels
	peer := func(i int) netip.AddrPort { return netip.AddrPortFrom(loopback, uint16(i)) }
	if _, ok := c.peer(0x4000); ok {
		t.Error("there is one already")
	}
	for i := range ways + 10 {
		c.bind(channel{uint16(0x4000 + i), peer(i)})
	}
	if all := c.all(); len(all) != ways {
		t.Errorf("%d are kept, want %d", len(all), ways)
	}
	c.unbind(0x4000)
	c.unbind(0x4000)
	if _, ok := c.number(peer(0)); ok {
		t.Error("one is bound that was unbound")
	}
	to, bound := c.peer(0x4001)
	number, there := c.number(peer(1))
	if !bound || to != peer(1) || !there || number != 0x4001 {
		t.Errorf("%v, %v; %x, %v", to, bound, number, there)
	}
}

// tap is a socket that keeps what came.
type tap struct {
	net.PacketConn
	came chan []byte
}

func (t tap) ReadFrom(into []byte) (int, net.Addr, error) {
	n, from, err := t.PacketConn.ReadFrom(into)
	if err == nil {
		select {
		case t.came <- bytes.Clone(into[:n]):
		default:
		}
	}
	return n, from, err
}

// TestRelay_RelaysChannelsItself: by one that pion/turn knows nothing of.
func TestRelay_RelaysChannelsItself(t *testing.T) {
	r := running(t, Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	peer, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	var client tap
	alice := allocated(t, guestBy(t, r, r.credentials("alice"), func(socket net.PacketConn) net.PacketConn {
		client = tap{socket, make(chan []byte, 100)}
		return client
	}))
	one := r.port(alice.LocalAddr())
	one.channels.bind(channel{0x4abc, addressOf(peer.LocalAddr())})
	if _, err := client.WriteTo([]byte("\x4a\xbc\x00\x03out\x00"), r.entrance.local); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 100)
	_ = peer.SetReadDeadline(time.Now().Add(30 * time.Second))
	n, from, err := peer.ReadFrom(buffer)
	if err != nil || string(buffer[:n]) != "out" || from.String() != alice.LocalAddr().String() {
		t.Fatalf("%q of %v: %v", buffer[:n], from, err)
	}
	if _, err := peer.WriteTo([]byte("in"), from); err != nil {
		t.Fatal(err)
	}
	late := time.After(30 * time.Second)
	for {
		select {
		case datagram := <-client.came:
			if string(datagram) == "\x4a\xbc\x00\x02in" {
				return
			}
		case <-late:
			t.Fatal("nothing comes back")
		}
	}
}

// TestRelay_KnowsWhichChannelsThereAre by what pion/turn tells.
func TestRelay_KnowsWhichChannelsThereAre(t *testing.T) {
	r := running(t, Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	peer, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	alice := allocation(t, r, "alice")
	one := r.port(alice.LocalAddr())
	exchange(t, alice, peer, "out")
	until(t, "its channel is known", func() bool { _, ok := one.channels.number(addressOf(peer.LocalAddr())); return ok })
	exchange(t, alice, peer, "by the channel")
	exchange(t, peer, alice, "in")
	if err := alice.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "it has ended", func() bool { return len(one.channels.all()) == 0 })
}

// TestRelayed_HoldsNoMoreThanItHasRoomFor and loses nothing by that.
func TestRelayed_HoldsNoMoreThanItHasRoomFor(t *testing.T) {
	r, err := Open(Config{Listen: netip.AddrPortFrom(loopback, 0), Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	client, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	one, err := r.bind(0)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	path, err := r.entrance.Path(addressOf(client.LocalAddr()))
	if err != nil {
		t.Fatal(err)
	}
	one.back.begin(path)
	peer := netip.AddrPortFrom(loopback, 9)
	one.channels.bind(channel{0x4000, peer})
	all := 2*one.back.room/longest + 1
	for range all {
		if !one.relays(udp.Datagram{From: peer, Data: make([]byte, longest-1)}) {
			t.Fatal("a packet is left to pion/turn")
		}
	}
	one.flush()
	buffer := make([]byte, 2*longest)
	for i := range all {
		_ = client.SetReadDeadline(time.Now().Add(30 * time.Second))
		if n, _, err := client.ReadFrom(buffer); err != nil || n != headed+longest-1 {
			t.Fatalf("packet %d of %d: %d bytes, %v", i, all, n, err)
		}
	}
}

func FuzzChannelData(f *testing.F) {
	f.Add([]byte("\x40\x00\x00\x02in\x00\x00"))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		number, data, ok := channelData(datagram)
		if !ok {
			return
		}
		again := append([]byte{byte(number >> 8), byte(number), byte(len(data) >> 8), byte(len(data))}, data...)
		if number < 0x4000 || number > 0x7fff || !bytes.HasPrefix(datagram, again) {
			t.Errorf("%x is channel %x with %x", datagram, number, data)
		}
	})
}
