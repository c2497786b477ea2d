package probe

import (
	"slices"
	"testing"
	"time"
)

func TestMTU_FindsTheLargestThatComesBack(t *testing.T) {
	t.Parallel()
	limited := func(most int) *relayServer {
		return relayingFake(t, func(_ int, payload []byte) bool { return len(payload)+channelHeader > most })
	}
	plain := coturn(t)
	ask := func(server string, credentials Credentials) func() Finding {
		return func() Finding {
			return patient().MTU(t.Context(), server, credentials)
		}
	}
	atOnce(t, []scene{
		{"coturn", ask(plain, good()), Fine, "through the relay and back, without fragments; 1472 bytes pass", ""},
		{"coturn that denies us", ask(coturn(t, "--denied-peer-ip=127.0.0.1"), good()), Fine, "to the server, without fragments; 1472 bytes pass", ""},
		{"STUN alone", ask(plain, Credentials{}), Fine, "to the server, without fragments; 1472 bytes pass", ""},
		{"a tunnel", ask(limited(1400).String(), alice()), Fine, "1400 bytes pass, more than the 1220 that are needed: an MTU of 1428", ""},
		{"a tunnel in a tunnel", ask(limited(1100).String(), alice()), Warning, "1100 bytes pass, of 1220 that are needed: an MTU of 1128", "datagrams of more than 1100 bytes are dropped"},
		{"out of breath", ask(breathless(t, 7, 9, 11, 14).String(), alice()), Fine, "1472 bytes pass", ""},
		{"nothing", ask(limited(0).String(), alice()), Skipped, "nothing came back", "could not be measured"},
	})
}

// breathless is a relay that stands still when it has got as many datagrams as
// counts say, for longer than anybody waits for one, and then goes on with them.
func breathless(t *testing.T, counts ...int) *relayServer {
	return relayingFake(t, func(count int, _ []byte) bool {
		if slices.Contains(counts, count) {
			time.Sleep(time.Second)
		}
		return false
	})
}

func TestTURN_TellsLateFromLost(t *testing.T) {
	t.Parallel()
	server := breathless(t, 9, 20, 31).String()
	wants(t, patient().TURN(t.Context(), server, alice(), UDP), Fine, "datagrams came back, loss 0 %", "")
}
