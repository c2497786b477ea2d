package transport

import (
	"fmt"
	"net/netip"
	"strings"
)

// external is an address that the world sees in place of a local one.
type external struct {
	public netip.Addr
	local  netip.Addr // zero: every local address of that family
}

// parseExternal reads the external addresses of a Config.
func parseExternal(entries []string) ([]external, error) {
	var all []external
	for _, entry := range entries {
		public, local, mapped := strings.Cut(entry, "/")
		addr, err := netip.ParseAddr(public)
		if err != nil {
			return nil, fmt.Errorf("external address %q: want \"203.0.113.5\" or \"203.0.113.5/10.0.0.2\"", entry)
		}
		each := external{public: addr.Unmap()}
		if mapped {
			inner, err := netip.ParseAddr(local)
			if err != nil {
				return nil, fmt.Errorf("external address %q: %q is no local address", entry, local)
			}
			if each.local = inner.Unmap(); each.local.Is4() != each.public.Is4() {
				return nil, fmt.Errorf("external address %q: both must be IPv4 or both IPv6", entry)
			}
		}
		all = append(all, each)
	}
	return all, nil
}

// seenAs gives the addresses that the world sees in place of a local one. They
// are offered beside it, not instead of it: parties in the same network keep
// the short way.
func seenAs(all []external, local netip.Addr) (seen []netip.Addr) {
	local = local.Unmap()
	for _, each := range all {
		if each.local == local || !each.local.IsValid() && each.public.Is4() == local.Is4() {
			seen = append(seen, each.public)
		}
	}
	return seen
}
