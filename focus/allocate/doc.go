// Package allocate says who gets which layer: a budget and demands in, for each
// subscription a layer and the reason out.
//
// One Allocator belongs to one subscriber's path and to the loop that paces it,
// which asks it after each change of the estimate, of what is demanded, or of what
// layers cost. Nouns, the smallest first:
//
//	Rung      one way to show a track: a layer, what it costs, what it is worth
//	Ladder    the rungs of a track, by worth; made from its Meters, once for all
//	Demand    one subscription: its ladder, its priority, how large it is shown
//	Budget    what the path carries, less sound, less what repair will take
//	Share     the answer for one subscription
//	Want      what the next step up would take: what the estimator may probe for
//	Wants     the layers of one track that anybody wants; the rest may rest
//	Uplink    several paths behind one bottleneck: what each may take of it
//
// What is handed out, in this order: everybody the lowest rung, by priority; then
// single rungs by gain per bit, until nothing fits. What is held already costs what
// arrives of it; what is new costs its peak and a margin, and has to fit what has
// been proven to arrive. So one goes down at once and as far as needed, and up when
// there is proof.
//
// It is not an estimator and drops no packet. Rates are those of IP packets, bits
// in a second. Nothing allocates once the largest number of demands was seen.
package allocate
