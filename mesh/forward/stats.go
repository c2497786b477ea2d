package forward

import (
	"cmp"
	"slices"

	"meshfocus/focus"
	"meshfocus/focus/lane"
	"meshfocus/focus/transport"
)

// received says what arrives of a track, as a reader of it would: of its largest layer
// that lives.
func received(t focus.Track) transport.ReceivedStats {
	counts := t.Media().Stats()
	told := transport.ReceivedStats{
		Kind: t.Kind, ID: t.ID, StreamID: t.Stream,
		Packets: uint64(counts.Packets), Bytes: uint64(counts.Bytes), Frames: uint64(counts.Frames), KeyFrameRequests: uint64(counts.Requests),
	}
	layers := t.Media().Layers()
	slices.SortStableFunc(layers, func(a, b lane.LayerState) int {
		return cmp.Compare(int(a.Width)*int(a.Height), int(b.Width)*int(b.Height))
	})
	for _, l := range layers {
		told.Codec = transport.CodecOf(l.Codec)
		told.Nacked += uint64(l.Repair.Asked)
		told.Lost += uint64(l.Repair.GivenUp)
		if l.Flowing || told.SSRC == 0 {
			told.SSRC, told.Jitter, told.Width, told.Height = l.SSRC, l.Received.Jitter, int(l.Width), int(l.Height)
		}
	}
	return told
}

// sent says what leaves of a share.
func sent(s focus.ShareStats) transport.SentStats {
	return transport.SentStats{
		Kind: s.Track.Kind, ID: s.Track.Key.Track, StreamID: s.Track.Key.Stream,
		Packets: s.Sent.Packets, Bytes: s.Sent.Bytes, Frames: s.Sent.Frames, Failed: s.Sent.Unsent,
		KeyFrameRequests: s.Sent.KeyFrameRequests, Nacked: s.Sent.Nacked,
		Lost: uint32(max(s.Sent.Lost, 0)), LossFraction: s.Sent.FractionLost, Jitter: s.Sent.Jitter,
		RTT: s.Sent.RoundTrip, Reports: s.Sent.Reports,
	}
}
