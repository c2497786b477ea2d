package lane

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"meshfocus/focus/packet"
	"meshfocus/focus/transport/srtp"
	"meshfocus/simulcast"
)

// between is a network between two lanes that loses datagrams of media.
type between struct {
	near, far *net.UDPConn // what the one, and the other, take for their peer
}

// network makes one; every lose-th packet of RTP from the first lane gets lost.
func network(t *testing.T, one, other *Lane, lose int) *between {
	t.Helper()
	b := &between{}
	for _, conn := range []**net.UDPConn{&b.near, &b.far} {
		opened, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		*conn = opened
	}
	done := make(chan struct{}, 2)
	carry := func(from, to *net.UDPConn, goal netip.AddrPort, lose int) {
		defer func() { done <- struct{}{} }()
		buffer, count := make([]byte, 2048), 0
		for {
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			if packet.Demultiplex(buffer[:n]) == packet.RTP && lose > 0 {
				if count++; count%lose == 0 {
					continue
				}
			}
			_, _ = to.WriteToUDPAddrPort(buffer[:n], goal) // may be lost as well
		}
	}
	address := func(l *Lane) netip.AddrPort { return (*l.sockets.Load())[0].LocalAddr() }
	go carry(b.near, b.far, address(other), lose)
	go carry(b.far, b.near, address(one), 0)
	t.Cleanup(func() {
		_, _ = b.near.Close(), b.far.Close()
		<-done
		<-done
	})
	return b
}

// pair makes the two Ends of one connection.
func pair(t *testing.T, one, other *Lane, b *between, profile srtp.Profile) (near, far *End) {
	t.Helper()
	make := func(l *Lane, via *net.UDPConn, seal, open srtp.Master) *End {
		e := l.NewEnd(EndConfig{CName: "pair"})
		t.Cleanup(e.Close)
		if err := e.Secure(seal, open); err != nil {
			t.Fatal(err)
		}
		e.SetPath((*l.sockets.Load())[0].LocalAddr(), via.LocalAddr().(*net.UDPAddr).AddrPort(), true)
		return e
	}
	a, z := master(t, profile, 3), master(t, profile, 7)
	return make(one, b.near, a, z), make(other, b.far, z, a)
}

func TestPair_WhatTheNetworkLosesIsRepaired(t *testing.T) {
	t.Parallel()
	for _, profile := range []srtp.Profile{srtp.AES128GCM, srtp.AES128CMSHA1} {
		t.Run(profile.String(), func(t *testing.T) {
			t.Parallel()
			losing(t, profile, Incoming{Numbers: extensions(t, packet.TransportNumber, packet.MID), TransportWide: true})
		})
	}
}

// With a peer that has agreed to RFC 8888: its reports, by stream and number, become
// what is known of each departure, of the stream and of its retransmissions.
func TestPair_ArrivalsByStreamBecomeWhatIsKnownOfDepartures(t *testing.T) {
	t.Parallel()
	losing(t, srtp.AES128GCM, Incoming{Numbers: extensions(t, packet.MID), StreamReports: true})
}

// losing sends a picture through a network that loses every tenth packet, to a peer
// that has agreed to something, and fails unless all is repaired and accounted for.
func losing(t *testing.T, profile srtp.Profile, in Incoming) {
	one, other := running(t, Config{}, 1), running(t, Config{}, 1)
	near, far := pair(t, one, other, network(t, one, other, 10), profile)
	source := one.NewTrack(TrackConfig{Kind: Video, Codec: simulcast.VP8})
	defer source.Close()
	if _, err := near.Subscribe(source, SubscriptionConfig{
		SSRC: 2000, RTX: 2001, MID: "0", Writer: packet.NewWriter(in.Numbers, false), Formats: []Format{vp8Format()},
		First: simulcast.Layer{},
	}); err != nil {
		t.Fatal(err)
	}
	arrived := other.NewTrack(TrackConfig{Kind: Video})
	in.Sections = []IncomingSection{
		{MID: "0", Track: arrived, Formats: []Format{vp8Format()}, Sources: []Source{{SSRC: 2000, RTX: 2001}}},
	}
	far.SetIncoming(in)
	reader := &collector{}
	detach := arrived.Attach(reader)

	c := camera{ssrc: 5}
	sent := 0
	came := func() int { // or was given up
		layers := arrived.Layers()
		if len(layers) == 0 {
			return 0
		}
		return int(arrived.Stats().Packets + layers[0].Repair.GivenUp)
	}
	for i := range 100 {
		write(t, one, source, &c, i == 0, 5)
		sent += 5
		until(t, "most came", func() bool { return came() > sent-20 })
	}
	until(t, "the last ones came, which are missed when more comes", func() bool {
		write(t, one, source, &c, false, 1)
		sent++
		time.Sleep(5 * time.Millisecond)
		return came() >= sent-5
	})
	detach()
	numbersSeen := map[uint16]int{}
	for _, got := range reader.got {
		numbersSeen[got.sequence]++
	}
	for number, times := range numbersSeen {
		if times != 1 {
			t.Errorf("packet %d was seen %d times", number, times)
		}
	}
	stats, sending := far.Stats().Received, near.Stats().Sending
	if stats.Restored < 20 || stats.Refused != 0 || stats.Malformed != 0 {
		t.Errorf("received %+v", stats)
	}
	if told := far.lane.Stats(); told.Repair.Restored != uint64(stats.Restored) || told.Repair.Asked < 20 || told.Received < 400 {
		t.Errorf("the lane that receives tells of %+v", told)
	}
	if told := near.lane.Stats(); told.Repair.Resent < 20 || told.Repair.Nacked < told.Repair.Resent || told.Unsent > 0 {
		t.Errorf("the lane that sends tells of %+v", told)
	}
	until(t, "feedback told of loss", func() bool {
		sending = near.Stats().Sending
		return sending.Missing > 0 && sending.Acknowledged > 400
	})
}
