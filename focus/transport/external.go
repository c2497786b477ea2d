package transport

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pion/webrtc/v4"
)

// externalRules reads the external addresses of a Config. The public address
// is offered beside the local one, not instead of it: parties in the same
// network keep the short way.
func externalRules(external []string) ([]webrtc.ICEAddressRewriteRule, error) {
	var rules []webrtc.ICEAddressRewriteRule
	for _, entry := range external {
		public, local, mapped := strings.Cut(entry, "/")
		addr, err := netip.ParseAddr(public)
		if err != nil {
			return nil, fmt.Errorf("external address %q: want \"203.0.113.5\" or \"203.0.113.5/10.0.0.2\"", entry)
		}
		rule := webrtc.ICEAddressRewriteRule{
			External:        []string{addr.Unmap().String()},
			AsCandidateType: webrtc.ICECandidateTypeHost,
			Mode:            webrtc.ICEAddressRewriteAppend,
		}
		if mapped {
			inner, err := netip.ParseAddr(local)
			if err != nil {
				return nil, fmt.Errorf("external address %q: %q is no local address", entry, local)
			}
			if inner.Unmap().Is4() != addr.Unmap().Is4() {
				return nil, fmt.Errorf("external address %q: both must be IPv4 or both IPv6", entry)
			}
			rule.Local = inner.Unmap().String()
		}
		rules = append(rules, rule)
	}
	return rules, nil
}
