// Package agenda holds what has to be done at an instant, soonest first.
//
// It is a heap and no timer: it reads no clock, starts nothing and wakes
// nobody. Its owner appoints, strikes and takes what is due, under whatever
// guards the rest of what it owns, and sleeps until Next; Appoint says when
// that instant has changed. What is due at one instant comes in the order in
// which it was appointed, which is that of delayed events in MSC4140.
package agenda

import (
	"container/heap"
	"time"
)

// Agenda is what waits. The zero value is empty. It is not safe for use by
// several goroutines at once.
type Agenda[T any] struct {
	waiting line[T]
	number  uint64 // of the last appointment
}

// Appointment is one thing to do, on one agenda at most. The zero value is on
// none.
type Appointment[T any] struct {
	// What is to be done. Set once.
	What T

	at     time.Time
	number uint64 // the order at one instant
	place  int    // in the heap, from 1; 0 when it is on no agenda
}

// Waits says whether p is on an agenda.
func (p *Appointment[T]) Waits() bool { return p.place > 0 }

// At is when p is due, or was when it was taken or struck off.
func (p *Appointment[T]) At() time.Time { return p.at }

// Appoint puts p on the agenda, or moves it there. first says that nothing is
// due before it, so that whoever sleeps until Next has to look again.
func (a *Agenda[T]) Appoint(p *Appointment[T], at time.Time) (first bool) {
	a.Strike(p)
	a.number++
	p.at, p.number = at, a.number
	heap.Push(&a.waiting, p)
	return p.place == 1
}

// Strike takes p off the agenda, if it is there.
func (a *Agenda[T]) Strike(p *Appointment[T]) {
	if p.Waits() {
		heap.Remove(&a.waiting, p.place-1)
	}
}

// Take takes off what has been due the longest; ok is false when nothing is.
func (a *Agenda[T]) Take(now time.Time) (what T, ok bool) {
	if at, any := a.Next(); !any || at.After(now) {
		return what, false
	}
	return heap.Pop(&a.waiting).(*Appointment[T]).What, true
}

// Next is when something will be due, or has been since; any is false when
// nothing waits.
func (a *Agenda[T]) Next() (at time.Time, any bool) {
	if len(a.waiting) == 0 {
		return time.Time{}, false
	}
	return a.waiting[0].at, true
}

// line is the heap, for container/heap only.
type line[T any] []*Appointment[T]

// Len is for container/heap.
func (l line[T]) Len() int { return len(l) }

// Less is for container/heap.
func (l line[T]) Less(i, j int) bool {
	if order := l[i].at.Compare(l[j].at); order != 0 {
		return order < 0
	}
	return l[i].number < l[j].number
}

// Swap is for container/heap.
func (l line[T]) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].place, l[j].place = i+1, j+1
}

// Push is for container/heap.
func (l *line[T]) Push(x any) {
	p := x.(*Appointment[T])
	*l = append(*l, p)
	p.place = len(*l)
}

// Pop is for container/heap.
func (l *line[T]) Pop() any {
	last := len(*l) - 1
	p := (*l)[last]
	(*l)[last] = nil
	*l = (*l)[:last]
	p.place = 0
	return p
}
