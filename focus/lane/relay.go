package lane

import "time"

// relayQueue is how many datagrams wait for a path that is not direct: 50 ms of
// 10 Mbit/s. A stream that carries no more loses the newest.
const relayQueue = 64

// relayPatience is how long the end of a lane waits for links that nobody has closed.
const relayPatience = time.Second

// relay writes the datagrams of one End to a path that is not direct, which may be a
// TCP connection that does not move: so it has a loop of its own, and its lane goes
// on. The send loop owns it.
type relay struct {
	write   func([]byte) (int, error)
	waiting chan []byte
	spare   chan []byte
	ended   chan struct{}
}

// newRelay starts the loop; stop ends it.
func newRelay(write func([]byte) (int, error)) *relay {
	r := &relay{write: write, waiting: make(chan []byte, relayQueue), spare: make(chan []byte, relayQueue), ended: make(chan struct{})}
	go r.run()
	return r
}

func (r *relay) run() {
	defer close(r.ended)
	for datagram := range r.waiting {
		_, _ = r.write(datagram) // a path that is gone loses what is on it, and ICE looks for another
		select {
		case r.spare <- datagram:
		default:
		}
	}
}

// post hands a copy of a datagram to the loop, false if too many wait.
func (r *relay) post(datagram []byte) bool {
	if r == nil || len(r.waiting) == cap(r.waiting) { // only the send loop puts in
		return false
	}
	var buffer []byte
	select {
	case buffer = <-r.spare:
	default:
	}
	r.waiting <- append(buffer[:0], datagram...)
	return true
}

// stop has the loop end when what waits is written, or as soon as the path is closed.
func (r *relay) stop() { close(r.waiting) }

// over reports whether the loop has ended.
func (r *relay) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}
