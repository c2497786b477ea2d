package lane

import (
	"meshfocus/focus/history"
	"meshfocus/focus/packet"
)

// waiting is what is to leave to one End with the next flush, by what goes first
// (points 19 and 36 of the dossier on simulcast): sound is small and is missed at
// once; what is sent again is what a receiver stands still for; pictures are what
// can wait. Within a class the order is that of arrival. It belongs to the send loop,
// and what may leave now and what has to wait for its time is decided where it is
// emptied (sender.serve).
type waiting struct {
	sound, video []parcel
	again        []repeat
}

// repeat is a packet of a subscription that is to be sent again, with one reference.
type repeat struct {
	sub    *Subscription
	packet history.Copy[leaving]
}

func (w *waiting) empty() bool { return len(w.sound)+len(w.again)+len(w.video) == 0 }

// put takes a parcel, with the reference it has.
func (w *waiting) put(p *parcel) {
	if p.sub.kind == Audio {
		w.sound = append(w.sound, *p)
		return
	}
	w.video = append(w.video, *p)
}

// discard lets go of everything.
func (w *waiting) discard() {
	for _, parcels := range [...][]parcel{w.sound, w.video} {
		for i := range parcels {
			parcels[i].release()
		}
		clear(parcels)
	}
	for i := range w.again {
		w.again[i].release()
	}
	clear(w.again)
	w.sound, w.video, w.again = w.sound[:0], w.video[:0], w.again[:0]
}

// release lets the packet go; what had no payload has none.
func (r *repeat) release() { release(r.packet.Packet) }

func release(p *packet.Packet) {
	if p != nil {
		p.Release()
	}
}
