// Package bwe estimates what one path carries: how fast a sender may send so that
// what the path has is used, and its queue stays almost empty.
//
// It is a machine without clock, goroutine, lock or queue. Whoever owns the path's
// send loop tells it of every packet that leaves (Sent) and of every report that
// comes (Report), calls Tick when Next says so, and asks for the Estimate and for
// Probes. Everything it decides follows from these calls alone: the same calls give
// the same decisions, which is what a replay of recorded feedback rests on (Trace).
//
//	Report → facts    what the report says of arrivals, delay and loss
//	       → base     one-way delay without any queue, of this path
//	       → queue    how long packets waited, now and standing
//	       → flow     how fast they left, how fast they came
//	       → train    whether packets close together were pulled apart
//	       → law      climb, yield, cut; or TCP's law beside one (competitor)
//	       → prober   what to try next, and what came of it
//
// Rates are bits of IP packets in a second, everything included: media, sound,
// repair, padding. Delays are one-way and relative: sender's and receiver's clocks
// need have nothing in common.
//
// docs/bwe.md says of each part what it does and where its idea comes from.
package bwe
