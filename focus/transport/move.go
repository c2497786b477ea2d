package transport

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// movePace is how often the machine is asked for its addresses. ICE itself
// notices a dead path after five seconds; this is to be quicker.
const movePace = 2 * time.Second

// AwaitMove waits until this machine has other network addresses than when it was seen
// last, which is what AwaitMove gave then and 0 at first,
// as when it goes to another Wi-Fi, and has opened the port on those that are
// new. Connections that exist use them from their next ICE restart on, which is
// for the caller to bring about; over TCP the addresses of the start remain.
//
// Any number of goroutines may. The error says why it stopped waiting: the context's.
// With fixed Addresses there is no move.
func (n *Network) AwaitMove(ctx context.Context, seen uint64) (now uint64, err error) {
	if len(n.config.Addresses) > 0 {
		<-ctx.Done()
		return seen, ctx.Err()
	}
	tick := time.NewTicker(n.pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return seen, ctx.Err()
		case <-tick.C:
			n.follow()
			if now := n.moves.Load(); now != seen {
				return now, nil
			}
		}
	}
}

// follow brings the ports in line with the machine's addresses, and reports
// whether these have changed. Without any address there is nothing to do: the
// change is told when there is one again.
func (n *Network) follow() bool {
	n.following.Lock() // a leaf but for the sockets it opens
	defer n.following.Unlock()
	addrs, err := n.addresses(n.config)
	if err != nil || len(addrs) == 0 {
		return false
	}
	addrs = slices.SortedFunc(slices.Values(addrs), netip.Addr.Compare)
	n.mu.Lock()
	before, berths := n.present, slices.Clone(n.berths)
	n.present = addrs
	n.mu.Unlock()
	// Each time: an address may not be ready to be used when it first shows.
	for _, berth := range berths {
		if err := berth.ports.follow(addrs); err != nil {
			n.log.Debug("no media port on an address", "err", err)
		}
	}
	if slices.Equal(before, addrs) {
		return false
	}
	n.moves.Add(1)
	n.log.Info("network addresses changed", "before", before, "now", addrs)
	return true
}
