package simnet

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Conditions of a road. The zero value delivers everything once and at once.
type Conditions struct {
	Delay  time.Duration // at least
	Jitter time.Duration // added, evenly up to this; more than the gap between two messages reorders them
	Loss   float64       // part of the messages that vanish, 0 to 1
	Twice  float64       // part that arrives a second time, 0 to 1
}

// Sent is a message that was put on a road, for counting and drawing.
type Sent[T any] struct {
	At       time.Time
	From, To string
	Message  T
	Lost     bool
}

// Road carries messages of one type between ends that are known by name.
type Road[T any] struct {
	arrive func(from, to string, message T) // set once

	mu         sync.Mutex // guards all below
	random     *rand.Rand
	conditions Conditions
	blocked    map[[2]string]bool
	closed     bool
	sent       []Sent[T]
}

// NewRoad makes a road that hands what arrives to a function, on a goroutine
// of its own for each message.
func NewRoad[T any](seed uint64, arrive func(from, to string, message T)) *Road[T] {
	return &Road[T]{
		arrive: arrive, random: rand.New(rand.NewPCG(seed, 0)), blocked: map[[2]string]bool{},
	}
}

// Set changes the conditions for what is sent from now on.
func (r *Road[T]) Set(c Conditions) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conditions = c
}

// Block lets nothing through in one direction until it is unblocked.
func (r *Road[T]) Block(from, to string, blocked bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocked[[2]string{from, to}] = blocked
}

// Send puts a message on the road. It never blocks.
func (r *Road[T]) Send(from, to string, message T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	c := r.conditions
	lost := r.blocked[[2]string{from, to}] || r.random.Float64() < c.Loss
	r.sent = append(r.sent, Sent[T]{At: time.Now(), From: from, To: to, Message: message, Lost: lost})
	if lost {
		return
	}
	r.plan(from, to, message)
	if r.random.Float64() < c.Twice {
		r.plan(from, to, message)
	}
}

// plan sets the arrival of one copy. The caller holds mu.
func (r *Road[T]) plan(from, to string, message T) {
	delay := r.conditions.Delay
	if r.conditions.Jitter > 0 {
		delay += time.Duration(r.random.Int64N(int64(r.conditions.Jitter)))
	}
	time.AfterFunc(delay, func() {
		r.mu.Lock()
		closed := r.closed
		r.mu.Unlock()
		if !closed {
			r.arrive(from, to, message)
		}
	})
}

// Sent lists everything that was sent so far, lost messages included.
func (r *Road[T]) Sent() []Sent[T] {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Sent[T](nil), r.sent...)
}

// Close lets nothing arrive any more.
func (r *Road[T]) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}
