//go:build interop

package endtoend

import (
	"testing"

	"meshfocus/internal/browser"
)

// Members whose place in the slot is a sticky event alone (MSC4354) are seen by
// guests, and guests by them; the conference, which they are in besides, is
// not where they meet.
func TestInterop_AGuestAndAStickyMemberMeetInTheSlot(t *testing.T) {
	d := serve(t, "127.0.0.1", "--membership-profile", "sticky", "--viewer=false")
	ann := join(t, browser.Start(t), d.base(), "lobby", "Ann")
	ann.sees(t, joinLimit, "Test card")
	ann.Eventually(joinLimit, "they meet by sticky events, and the test card gets the pictures", `(() => {
	  const { mesh } = meshfocus.call, [peer] = mesh.peers.values();
	  const inState = mesh.room.events.some(({ content }) => content.application);
	  return mesh.peers.size === 1 && !inState && mesh.room.sticky.length >= 2 && peer.meeting.confId === "m.call#ROOM" &&
	    meshfocus.call.snapshot().matrix.cells.get(mesh.self.user_id + "/" + mesh.self.device_id + ">" + peer.key)?.to?.video === "flows";
	})()`, `JSON.stringify([meshfocus.call.mesh.room, [...meshfocus.call.snapshot().matrix.cells]])`)
}
