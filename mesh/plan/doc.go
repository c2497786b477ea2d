// Package plan says how a call will go before anybody is in it: whether these
// people can meet in a mesh with the connections that they have, where a focus
// that forwards wins, and what that costs its machine.
//
// It is arithmetic, not a simulation: what paths carry is what estimates reached in
// bench/congestion, layers are handed out by focus/allocate itself, and costs are
// those measured of our focus. How far it is off is held against measurements by
// tests in bench and stands in docs/plan.md.
//
// Pure; rates are those of IP packets, bits in a second.
package plan
