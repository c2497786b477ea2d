//go:build interop

package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/testcard"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/conformance"
	"meshfocus/signalling/matrix"
)

// longestRun is how long the list may take, whatever the homeserver limits: 80 s
// on a quiet machine, of which 61 are for the invites after the tenth.
const longestRun = 100 * time.Second

// TestInterop_ConformanceOnSynapse takes our own party through the whole list on
// a homeserver that takes a membership every five seconds, from both sides at
// once.
func TestInterop_ConformanceOnSynapse(t *testing.T) {
	home := synapse(t)
	named := func(prefix string) string { return fmt.Sprintf("%s-conformance-%d", prefix, os.Getpid()) }
	party := home.Register(t, named("mid"), "MID")
	roomID := home.Room(t, party, 0)
	home.SetState(t, party, roomID, "m.room.encryption", "", map[string]string{"algorithm": "m.megolm.v1.aes-sha2"})
	startSubject(t, headless.Config{
		Account: matrix.Config{Homeserver: home.Base, Token: party.Token}, Room: roomID,
		Clip:  &headless.Clip{Video: testcard.Video, Audio: testcard.Audio},
		Media: transport.Config{Loopback: true},
	})
	t.Run("roles", func(t *testing.T) {
		for _, prefix := range []string{"aaa", "zzz"} {
			account := home.Register(t, named(prefix), strings.ToUpper(prefix))
			home.Ask(t, account, "POST", "/join/"+url.PathEscape(roomID), struct{}{})
			t.Run(prefix, func(t *testing.T) {
				t.Parallel()
				var stdout, stderr buffer
				std := streams{in: strings.NewReader(""), out: &stdout, err: &stderr, environ: []string{"MESHFOCUS_TOKEN=" + account.Token}}
				begun := time.Now()
				code := run(t.Context(), []string{"conformance", "--homeserver", home.Base, "--room", roomID, "--peer", party.UserID + "/MID"}, std)
				took := time.Since(begun).Round(100 * time.Millisecond)
				t.Logf("%s, from %s:\n%s", took, account.UserID, stdout.String())
				if code != exitOK || took > longestRun || strings.Count(stdout.String(), "\npass  ") < len(conformance.Lines())/3 {
					t.Errorf("exit code %d after %s, want %d within %s\n%s", code, took, exitOK, longestRun, stderr.String())
				}
			})
		}
	})
}
