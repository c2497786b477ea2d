// Package pion gives programs that use Pion what our focus sends and receives
// with: the estimator of a path with its pacer (focus/egress), requests for lost
// packets (focus/feedback.Missing) and reports of arrivals every 50 ms
// (focus/feedback.Arrivals), as interceptors. Register puts all of it into a
// registry, in place of webrtc.RegisterDefaultInterceptors:
//
//	err := pion.Register(engine, registry, pion.Config{}, func(id string, e *pion.Estimator) {
//		e.OnTargetBitrateChange(encoder.SetBitrate)
//	})
//
// What is registered first stands next to the wire:
//
//	program → Pion's responder to NACKs → Estimator ─▶ wire
//	program ← Nacks, Arrivals ◀───────────────────── wire
//
// Interceptors see reports when the program reads them: as with Pion's own, there
// has to be a goroutine for each RTPSender that calls ReadRTCP, and one for each
// track received that reads it.
//
// Estimator is a cc.BandwidthEstimator: who has Pion's gcc takes it instead.
// It numbers packets as they leave, whatever number somebody outside gave them,
// because sound and repair overtake video; and it renumbers the stream of
// retransmissions, because its padding goes there. Without RTX it probes with
// media alone.
//
// One goroutine for each Estimator and each Nacks or Arrivals that was bound;
// Close returns after it has. Everything may be called from any goroutine.
// Rates count IP packets, as everywhere here: a datagram and 28 bytes.
package pion
