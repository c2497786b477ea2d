package lane

import (
	"testing"

	"github.com/pion/rtp"
)

func TestForward_OneCameraReachesTwoWatchers(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob, carol := connect(t, l, "alice"), connect(t, l, "bob"), connect(t, l, "carol")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000, RTX: 1001}}})
	bob.watch(track, 2000)
	carol.watch(track, 3000)

	c := camera{ssrc: 1000, sequence: 65530, timestamp: 1 << 31}
	var sent []*rtp.Packet
	for i := range 30 {
		sent = append(sent, c.frame(i == 0, 3)...)
	}
	for i := range sent {
		alice.send(sent[i])
		if i%12 == 11 { // no faster than the socket's buffer
			until(t, "they came", func() bool { return track.Stats().Packets >= int64(i) })
		}
	}
	for _, watcher := range []struct {
		*peer
		ssrc uint32
	}{{bob, 2000}, {carol, 3000}} {
		until(t, "all of it came", func() bool { return len(watcher.got(watcher.ssrc)) == len(sent) })
		got := watcher.got(watcher.ssrc)
		for i := range got {
			switch {
			case got[i].SequenceNumber != got[0].SequenceNumber+uint16(i):
				t.Errorf("packet %d has number %d after %d", i, got[i].SequenceNumber, got[0].SequenceNumber)
			case got[i].Timestamp-got[0].Timestamp != sent[i].Timestamp-sent[0].Timestamp:
				t.Errorf("packet %d has another time", i)
			case got[i].Marker != sent[i].Marker || got[i].PayloadType != vp8Type:
				t.Errorf("packet %d has another marker or type", i)
			case len(got[i].Payload) != len(sent[i].Payload) || got[i].Payload[20] != sent[i].Payload[20]:
				t.Errorf("packet %d has another payload", i)
			}
		}
	}
	if stats := alice.end.Stats().Received; stats.Packets != 90 || stats.Refused != 0 || stats.Unknown != 0 {
		t.Errorf("received %+v", stats)
	}
}
