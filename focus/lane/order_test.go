package lane

import (
	"slices"
	"testing"

	"github.com/pion/rtcp"

	"meshfocus/focus/packet"
	"meshfocus/simulcast"
)

// Points 19 and 36: of what waits for one subscriber sound leaves first, then what is
// sent again, then pictures, each in the order it came; transport-wide numbers are
// given in the order of leaving.
func TestOrder_SoundThenRepairThenPictures(t *testing.T) {
	h := newHearing(t)
	sound := h.lane.NewTrack(TrackConfig{Kind: Audio, Codec: simulcast.Opus})
	w := writer(t, false, packet.TransportNumber)
	if _, err := h.end.Subscribe(sound, SubscriptionConfig{SSRC: 20, Formats: []Format{opusFormat()}, Writer: w}); err != nil {
		t.Fatal(err)
	}
	h.show(3)
	before := len(h.leaving())

	mouth := &voice{ssrc: 2}
	for range 2 { // pictures come first, and numbers are asked for again in between
		for _, one := range h.camera.frame(false, 2) {
			put(t, h.track, h.now, one)
			h.sent++
		}
		h.track.Flush()
		put(t, sound, h.now, mouth.packet())
		sound.Flush()
	}
	nack, err := (&rtcp.TransportLayerNack{MediaSSRC: 10, Nacks: []rtcp.NackPair{{PacketID: 1, LostPackets: 1}}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	h.lane.hear(h.end, nack, h.now)
	h.turn()

	var order []uint32
	for i, one := range h.leaving() {
		order = append(order, one.header.SSRC)
		if number := one.elements.Value(one.clear, packet.TransportNumber); len(number) != 2 || int(number[1]) != before+i {
			t.Errorf("the %dth has transport-wide number %x", before+i, number)
		}
	}
	if want := []uint32{20, 20, 11, 11, 10, 10, 10, 10}; !slices.Equal(order, want) {
		t.Errorf("left in the order %v, want %v", order, want)
	}
	sound.Close()
	h.judge()
}

// What waits when the lane ends, or its subscription or End is gone by then, is let
// go of.
func TestOrder_WhatWaitsToBeSentAgainHoldsNothing(t *testing.T) {
	nack, err := (&rtcp.TransportLayerNack{MediaSSRC: 10, Nacks: []rtcp.NackPair{{LostPackets: 3}}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]func(h *hearing){
		"the lane":         func(h *hearing) { h.sender.drop() },
		"the subscription": func(h *hearing) { h.sub.Close() },
		"the End":          func(h *hearing) { h.end.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHearing(t)
			h.show(3)
			h.sender.hear(h.end, nack, h.now)
			if waiting := len(h.end.out.waiting.again); waiting != 3 {
				t.Fatalf("%d wait to be sent again", waiting)
			}
			end(h)
			h.turn()
			if resent := h.sub.Stats().Resent; resent != 0 {
				t.Errorf("%d were sent again", resent)
			}
			h.judge()
		})
	}
}

// left is one packet that left.
type left struct {
	clear    []byte
	header   packet.Header
	elements packet.Elements
}

// leaving opens what has left since the last call.
func (h *hearing) leaving() (all []left) {
	numbers := &packet.Numbers{}
	if err := numbers.Set(packet.TransportNumber, 1); err != nil {
		h.t.Fatal(err)
	}
	for len(h.end.out.relay.waiting) > 0 {
		datagram := <-h.end.out.relay.waiting
		if packet.Demultiplex(datagram) == packet.RTCP {
			continue
		}
		clear, err := h.opener.OpenRTP(datagram)
		if err != nil {
			h.t.Fatalf("what was sent cannot be opened: %v", err)
		}
		one := left{clear: clear}
		if one.header, err = packet.Parse(clear); err == nil {
			err = one.header.Elements(clear, numbers, &one.elements)
		}
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}
