package lane

import (
	"context"
	"time"

	"meshfocus/focus/packet"
	"meshfocus/focus/udp"
	"meshfocus/internal/unit"
)

const (
	// arena is what packets are sealed into before they are sent: little enough to
	// stay in a core's second cache.
	arenaSize = 192 << 10
	// packetRoom is for one more packet: the largest payload with header, extension,
	// number of a retransmission and tag.
	packetRoom = roomy + 512
)

// sender is the send loop of a lane. It owns the sending half of all its Ends.
type sender struct {
	lane     *Lane
	batches  []*batch
	letters  []letter
	active   []*End // that have parcels to send
	gathered int    // parcels of them
	packets  int    // that these are of

	arena    []byte
	outboxes []outbox
	ways     []*End   // that have one
	flying   []*way   // of which packets are in the arena
	relays   []*relay // that Ends use
	leaving  []*relay // that are ending
	own      [ownElements]packet.Element
	scratch  [255]byte
	delay    [delayLen]byte
	rtcp     []byte
	lap      lap

	now  unit.Instant // when the turn began
	time uint32       // now as packet.AbsSendTime has it
	rest rest
}

// outbox is what leaves by one socket.
type outbox struct {
	socket *udp.Socket
	box    *udp.Outbox
}

func newSender(l *Lane) *sender {
	return &sender{lane: l, arena: make([]byte, 0, arenaSize+packetRoom), lap: newLap(l, Sending), rest: newRest(l.config.Tick)}
}

// run takes what comes and sends it when its turn has come (rest), until the context
// ends. While it rests nobody wakes it.
func (s *sender) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if s.lane.mail.empty() && !s.wait(ctx, timer) {
			continue
		}
		if left := s.rest.left(s.lane.now()); left > 0 {
			timer.Reset(left)
			select {
			case <-ctx.Done():
				continue
			case <-timer.C:
			}
		}
		s.turn()
		s.rest.worked(s.now, s.lane.now())
	}
	s.end()
}

// wait waits for letters and batches, or until something that is paced may leave: then
// it is true.
func (s *sender) wait(ctx context.Context, timer *time.Timer) (due bool) {
	pause := s.pause(s.lane.now())
	if pause < 0 {
		select {
		case <-ctx.Done():
		case <-s.lane.mail.wake:
		}
		return false
	}
	timer.Reset(pause)
	select {
	case <-ctx.Done():
	case <-s.lane.mail.wake:
	case <-timer.C:
		return true
	}
	return false
}

// turn sends what waits.
func (s *sender) turn() {
	s.lane.mail.collect(&s.batches, &s.letters)
	s.take()
	s.pressing()
	s.flush()
}

// look reads the clock.
func (s *sender) look() {
	s.now = s.lane.now()
	s.time = packet.SendTime(s.now)
}

// take reads the letters, and puts parcels behind those of the same End.
func (s *sender) take() {
	s.look()
	for i := range s.letters {
		s.open(&s.letters[i])
	}
	s.lap.begin(HandOver)
	for _, b := range s.batches {
		s.gather(b.parcels)
		s.packets += b.packets
	}
	s.lane.mail.recycle(s.batches, s.letters)
	s.lap.enter(Rewrite)
}

// end lets go of everything, and waits for the loops of paths that are not direct.
func (s *sender) end() {
	s.drop()
	for _, r := range s.relays {
		r.stop()
	}
	patience := time.NewTimer(relayPatience)
	defer patience.Stop()
	for _, r := range append(s.relays, s.leaving...) {
		select {
		case <-r.ended:
		case <-patience.C:
			s.lane.log.Warn("a path that is not direct does not end: its link is to be closed first")
			return
		}
	}
}

// outbox gives that of a socket.
func (s *sender) outbox(socket *udp.Socket) *udp.Outbox {
	for i := range s.outboxes {
		if s.outboxes[i].socket == socket {
			return s.outboxes[i].box
		}
	}
	box := udp.NewOutbox(messages)
	s.outboxes = append(s.outboxes, outbox{socket, box})
	return box
}

// messages is how many destinations an arena of whole packets has at most, about.
const messages = arenaSize / 1000

func (s *sender) gather(parcels []parcel) {
	for i := range parcels {
		p := &parcels[i]
		e := p.sub.end
		s.activate(e)
		if e.out.way != nil {
			s.park(e, p)
			continue
		}
		e.out.waiting.put(p)
	}
	clear(parcels) // the batch is filled again, perhaps not as far: it would keep who has left
	s.gathered += len(parcels)
}

// activate has the next flush look at an End to which something is to leave.
func (s *sender) activate(e *End) {
	switch w := e.out.way; {
	case w == nil && e.out.waiting.empty():
		s.active = append(s.active, e)
	case w != nil && !w.active:
		w.active = true
		if e.out.waiting.empty() { // else it was before there was a way
			s.active = append(s.active, e)
		}
	}
}
