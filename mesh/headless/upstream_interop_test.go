//go:build interop

package headless

import (
	"testing"

	"meshfocus/signalling/upstream/upstreamtest"
)

// TestInterop_KilledPartyIsGoneFromADendriteThatCannotDelayEvents reaches it
// through what adds them.
func TestInterop_KilledPartyIsGoneFromADendriteThatCannotDelayEvents(t *testing.T) {
	_, base := upstreamtest.InFrontOf(t, upstreamtest.Dendrite(t))
	killedParty(t, foreignAt(t, base))
}
