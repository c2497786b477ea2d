// Package negotiate decides what happens between us and one remote device of
// a full-mesh call: who calls, what is answered, when to repair, when to give
// up and when to try again.
//
// It is not the connection (focus/transport), not the loop that drives it
// (mesh.Peer) and not the judge of who is a member (signalling/membership).
// It follows the call messages of the Matrix specification as MSC3401 uses
// them between devices, and decisions D18 to D26 and D29.
//
// # How it is driven
//
// A [Machine] belongs to one goroutine. Everything that happens is an [Event]
// given to [Machine.Handle] with the instant it happened; what is to be done
// comes back as a list of [Action] values, in the order in which they have to
// be done. [Machine.Deadline] tells when to come back with a [Tick]. There is
// no clock, goroutine, logger or global here, and the only chance is the
// random source of [Config]. Times are instants and durations, never numbers.
//
// # The pair
//
// Eight states say how things stand between the two devices. Table holds a
// step for every state and every event.
//
//	           member joined, theirs to call
//	┌────────┐ ────────────────────────────▶ ┌─────────┐
//	│ Absent │                               │ Waiting │◀──────────┐
//	└────────┘ ◀──────────────────────────── └─────────┘           │
//	  │  ▲  ▲          member gone                │ invite         │ call ended,
//	  │  │  │                                     ▼                │ theirs to call
//	  │  │  │  member gone, no media         ┌─────────┐           │
//	  │  │  └─────────────────────────────── │ Calling │ ──────────┤
//	  │  │                                   └─────────┘           │
//	  │  │ grace over, hang-up,               ▲   │  │ failed      │
//	  │  │ media lost                 attempt │   │  └──────────┐  │
//	  │ ┌───────────┐                     due │   │ connected   ▼  │
//	  │ │ Lingering │ ◀───────────┐           │   ▼       ┌────────┐
//	  │ └───────────┘ member gone │           │ ┌───────────┐ disconnected
//	  │       └──────────────────▶└───────────│─│ Connected │──▶│ Broken │
//	  │         same session back             │ └───────────┘◀──└────────┘
//	  │                                       │   │  repaired    │
//	  │                                 ┌─────────┐◀─────────────┘
//	  └───────────────────────────────▶ │ Resting │  call ended, ours to call
//	    member joined, ours to call     └─────────┘
//
// Every state goes to Over when we leave; nothing leaves Over.
//
// # The exchange
//
// Inside a call, five states say how the exchange of descriptions stands. The
// first exchange travels as invite and answer, later ones as negotiate both
// ways.
//
//	             offer wanted          offer ready, sent
//	┌────────┐ ───────────────▶ making ──────────────────▶ offered
//	│ stable │                                                │ answer
//	└────────┘ ◀─────────────── applying ◀────────────────────┘
//	  │    ▲      answer applied
//	  │    │
//	  │    └─── answering ◀─┐      Collisions: the side that placed the call
//	  └─────────────────────┘      ignores the other's offer; the other side
//	     offer came                cannot roll back and replaces the call (D25).
//
// # Who calls
//
// The lesser of (user, device) calls (D21). Only it retries, on the ladder of
// 0, 5, 10, 20, 40 and then every 60 seconds; only it restarts ICE. When both
// called, one call survives by a rule both ends compute alike (D22).
package negotiate
