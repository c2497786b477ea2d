package history

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtp"

	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
)

// rewritten is the least that a subscription keeps of what a packet left with.
type rewritten struct {
	timestamp uint32
	marker    bool
}

// From the packet that arrives to the copy that leaves as RFC 4588 has it, and
// back to what the subscriber lost.
func TestAgain_WhatIsSentAgainReadsAsWhatWasLost(t *testing.T) {
	var theirs, ours packet.Numbers
	for numbers, number := range map[*packet.Numbers]uint8{&theirs: 1, &ours: 5} {
		if err := numbers.Set(packet.Orientation, number); err != nil {
			t.Fatal(err)
		}
	}
	incoming := rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 10, PayloadType: 96, SequenceNumber: 65535, Timestamp: 5000}, Payload: []byte("a frame")}
	if err := incoming.SetExtension(1, []byte{3}); err != nil {
		t.Fatal(err)
	}
	datagram, err := incoming.Marshal()
	if err != nil {
		t.Fatal(err)
	}

	// The read loop.
	pool, ring := packet.NewPool(1500, 10), NewRing(time.Second, 64)
	p := pool.Take()
	p.Fill(datagram)
	if err := p.Parse(&theirs); err != nil {
		t.Fatal(err)
	}
	p.Arrived = unit.Instant(time.Second)
	ring.Add(p)

	// The send loop, the first time.
	writer, sent := packet.NewWriter(&ours, true), NewSent[rewritten](64)
	with := rewritten{timestamp: 777, marker: true}
	first := writer.Append(nil, &packet.Fields{SSRC: 20, PayloadType: 100, Sequence: 3, Timestamp: with.timestamp, Marker: with.marker}, p)
	first = append(first, p.Payload()...)
	sent.Add(3, p.Handle(), with)
	p.Release()

	// And when it is asked for.
	found, outcome := sent.Again(3, 20*time.Millisecond, unit.Instant(time.Second+30*time.Millisecond))
	if outcome != Resend {
		t.Fatal(outcome)
	}
	again := writer.Append(nil, &packet.Fields{SSRC: 21, PayloadType: 101, Sequence: 900, Timestamp: found.Numbers.timestamp, Marker: found.Numbers.marker}, found.Packet)
	again = packet.AppendOriginal(again, found.Sequence)
	again = append(again, found.Packet.Payload()...)
	found.Packet.Release()

	// The subscriber.
	want, got := &packet.Packet{Bytes: first}, &packet.Packet{Bytes: again}
	if err := want.Parse(&ours); err != nil {
		t.Fatal(err)
	}
	if err := got.Parse(&ours); err != nil {
		t.Fatal(err)
	}
	if got.Header.SSRC != 21 || got.Header.Sequence != 900 || !got.Header.Restore(again, 20, 100) {
		t.Fatalf("sent again as %+v", got.Header)
	}
	h := got.Header
	h.PayloadAt, h.PayloadEnd = h.PayloadAt-2, h.PayloadEnd-2 // the number is two bytes
	if h != want.Header || !bytes.Equal(got.Payload(), want.Payload()) || !bytes.Equal(got.Value(packet.Orientation), []byte{3}) {
		t.Errorf("restored as %+v with %q, was %+v with %q", got.Header, got.Payload(), want.Header, want.Payload())
	}
	if ring.Clear(); pool.Held() != 0 {
		t.Errorf("%d packets did not come back", pool.Held())
	}
}
