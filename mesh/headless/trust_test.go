package headless

import (
	"strings"
	"testing"

	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/matrix"
)

// From the setting to the refusal: who talks to verified devices only is in
// the call, connects to nobody, sends no clear text, and says why.
func TestTrust_ARefusalReachesTheStatusInWords(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	bob := startParty(t, h, "bob", nil)
	zed := startParty(t, h, "zed", func(c *Config) { c.Account.Trust = matrix.TrustVerified })
	eventually(t, patience, "zed says whom it does not trust", func() bool {
		words := zed.Status().Trouble
		return strings.Contains(words, bob.Party().DeviceID) && strings.Contains(words, "nobody here has verified it")
	}, func() string { return zed.Status().Trouble })
	if link := zed.link(bob.Party()); link.State == negotiate.Connected || link.Distrust == "" {
		t.Errorf("the link is %v and says %q", link.State, link.Distrust)
	}
	if link := bob.link(zed.Party()); link.State == negotiate.Connected || link.Received > 0 {
		t.Errorf("bob is %v and heard %d messages of one who does not trust it", link.State, link.Received)
	}
}
