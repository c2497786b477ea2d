// Package mailbox keeps messages in order between goroutines that must never wait and
// one reader, which may. It is not bounded: what fills it is limited where it enters.
//
// A Mailbox hands them out over a channel, for readers elsewhere. It has a goroutine
// only while something waits to be read, for there are many connections and they say
// little. A Tray has none: it is a loop's own, which takes all that has come.
package mailbox

import "sync"

// Mailbox is a queue of messages of one type. All methods may be called from any
// goroutine, Close once.
type Mailbox[M any] struct {
	out  chan M
	stop chan struct{}
	loop sync.WaitGroup

	mu      sync.Mutex
	queue   []M // guarded by mu, as all below
	running bool
	over    bool
}

// New makes an empty mailbox. It ends with Close.
func New[M any]() *Mailbox[M] {
	return &Mailbox[M]{out: make(chan M), stop: make(chan struct{})}
}

// Out delivers the messages. It is closed by Close.
func (b *Mailbox[M]) Out() <-chan M { return b.out }

// Put appends a message and returns at once. After Close nothing is taken.
func (b *Mailbox[M]) Put(message M) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return
	}
	b.queue = append(b.queue, message)
	if !b.running {
		b.running = true
		b.loop.Go(b.run)
	}
}

// run hands messages out until there are none, or stop is closed.
func (b *Mailbox[M]) run() {
	for {
		messages := b.take()
		if messages == nil {
			return
		}
		for _, message := range messages {
			select {
			case <-b.stop:
				return
			case b.out <- message:
			}
		}
	}
}

// take gives what waits; without anything the loop ends.
func (b *Mailbox[M]) take() []M {
	b.mu.Lock()
	defer b.mu.Unlock()
	messages := b.queue
	b.queue = nil
	b.running = len(messages) > 0
	return messages
}

// Close ends the mailbox when its loop has ended; what was not read by then is
// dropped.
func (b *Mailbox[M]) Close() {
	b.mu.Lock()
	b.over = true
	b.mu.Unlock()
	close(b.stop)
	b.loop.Wait()
	close(b.out)
}
