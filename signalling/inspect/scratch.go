package inspect

import (
	"context"
	"fmt"
	"net/http"
)

// checkScratch makes the room in which the next checks may write: private,
// without anybody else, and gone afterwards.
func (i *Inspector) checkScratch(ctx context.Context) Finding {
	tried := "make a private room for the next checks, to be left and forgotten"
	if i.guest {
		return Finding{Level: Skipped, Tried: tried, Found: "guests may make no rooms", Fix: "give the token of an account"}
	}
	a := i.ask(ctx, http.MethodPost, clientPath("v3", "createRoom"), map[string]any{
		"preset": "private_chat", "visibility": "private", "name": "meshfocus doctor",
		"topic": "Made to try delayed and sticky events. Leave it if you see it.",
	})
	var made struct {
		RoomID string `json:"room_id"`
	}
	a.read(&made)
	if i.scratch = made.RoomID; a.ok() && i.scratch != "" {
		return Finding{Tried: tried, Found: i.scratch}
	}
	i.stopped["scratch"] = "scratch"
	f := Finding{Level: Note, Tried: tried, Found: a.words(), Cause: "this account may make no rooms, so delayed and sticky events cannot be tried", Fix: "try again with another account"}
	if a.status >= 500 {
		f.Level, f.Cause, f.Fix = Broken, "the homeserver cannot write events", "look at its log"
	}
	if a.status == http.StatusTooManyRequests {
		f.Cause, f.Fix = "too many rooms made lately", fmt.Sprintf("try again in %s", plainTime(a.retryAfter()))
	}
	return f
}
