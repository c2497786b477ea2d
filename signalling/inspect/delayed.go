package inspect

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"meshfocus/signalling/message"
)

// schedule asks for a state event in the scratch room after a delay (MSC4140).
func (i *Inspector) schedule(ctx context.Context, delay time.Duration, mark string) (id, sentAtOnce string, a answer) {
	query := url.Values{message.QueryDelay: {strconv.FormatInt(delay.Milliseconds(), 10)}}
	a = i.ask(ctx, http.MethodPut, clientPath("v3", "rooms", i.scratch, "state", typeProbe, mark)+"?"+query.Encode(), map[string]string{"mark": mark})
	var body struct {
		Delay string `json:"delay_id"`
		Event string `json:"event_id"`
	}
	a.read(&body)
	return body.Delay, body.Event, a
}

// manage restarts, cancels or sends, on the path that servers have had since
// 2025 or, where that is not known, by the older form.
func (i *Inspector) manage(ctx context.Context, id, action string) answer {
	a := i.askOnce(ctx, http.MethodPost, message.PathDelayedEvents+"/"+url.PathEscape(id)+"/"+action, nothing)
	if a.unrecognised() && a.errcode() != "M_NOT_FOUND" {
		if older := i.askOnce(ctx, http.MethodPost, message.PathDelayedEvents+"/"+url.PathEscape(id), map[string]string{"action": action}); !older.unrecognised() {
			return older
		}
	}
	return a
}

// recovery is the wait before another try, in arrivals: Synapse gives an
// account a message more every 5 s (rc_message), and drops a delayed event that
// is due when there is none left (its issue 18021).
const recovery = 2

// checkDelayed schedules an event and waits until it comes by itself, as the
// leave of a device does that has crashed.
func (i *Inspector) checkDelayed(ctx context.Context) Finding {
	f := i.sendLater(ctx)
	if f.Level == Fine {
		return f
	}
	i.stopped["delayed"] = "delayed"
	if f.Level != Broken || f.Cause != causeNeverSent {
		return f
	}
	select {
	case <-ctx.Done():
		return f
	case <-time.After(recovery * i.config.Arrival):
	}
	if again := i.sendLater(ctx); again.Level != Fine {
		return f
	}
	delete(i.stopped, "delayed")
	return Finding{Level: Note, Tried: f.Tried + ", twice", Found: "the first was never sent, the second was",
		Cause: "the homeserver counts such an event against the account's limit on messages when it is due, and drops it if that is used up, as by doctor a moment ago; a busy device that crashes then stays as a ghost",
		Fix:   "raise the limit", Command: i.homeserver("limits")}
}

const causeNeverSent = "the server takes delayed events and does not send them: the process that does is not running, or its clock is off, or the account's limit on messages is used up. Crashed devices stay as ghosts"

// sendLater has one event come by itself.
func (i *Inspector) sendLater(ctx context.Context) Finding {
	tried := fmt.Sprintf("schedule an event for %s from now and wait for it, as for a device that crashes", plainTime(i.config.Delay))
	mark := i.unique()
	id, atOnce, a := i.schedule(ctx, i.config.Delay, mark)
	if id == "" {
		f := i.notScheduled(a, atOnce)
		f.Tried = tried
		return f
	}
	took, last, found := i.await(ctx, i.config.Delay+i.config.Arrival, i.scratch, func(g glance) bool {
		return slices.ContainsFunc(g.timeline, func(e event) bool { return marked(e, mark) })
	})
	switch {
	case !last.ok():
		return Finding{Level: Broken, Tried: tried, Found: "/sync: " + last.words(), Cause: "clients cannot receive anything", Fix: "look at the homeserver's log"}
	case !found:
		return Finding{Level: Broken, Tried: tried, Found: fmt.Sprintf("not sent within %s", plainTime(took)), Cause: causeNeverSent,
			Fix: "look at the homeserver's log; with workers, delayed events are sent by the main process"}
	}
	return Finding{Tried: tried, Found: fmt.Sprintf("it came after %s", plainTime(took))}
}

func (i *Inspector) notScheduled(a answer, atOnce string) Finding {
	const ghosts = "a device that crashes then stays in the call as a ghost until its membership expires"
	advertised := i.versions.Features[message.FeatureDelayedEvents]
	f := Finding{Level: Warning, Found: a.words(), Cause: "the homeserver has no delayed events; " + ghosts, Fix: i.switchOn("delayed events"), Command: i.homeserver("delayed")}
	switch {
	case atOnce != "":
		f.Found = "it was sent at once: the delay was ignored"
		if advertised {
			f.Level, f.Cause, f.Fix = Broken, "the server says it can, and something takes the query from the address; "+ghosts, "let the reverse proxy pass the query on"
			f.Command = nil
		}
	case a.status == http.StatusTooManyRequests:
		f.Cause, f.Fix = "this account has too many events scheduled (100 in Synapse), or sends too fast", fmt.Sprintf("try again in %s", plainTime(a.retryAfter()))
		f.Command = i.homeserver("limits")
	case advertised:
		f.Level, f.Cause = Broken, "the server says in /versions that it can, and refuses; "+ghosts
	}
	return f
}

// What the clients of today need of restarts (decision D10): Element Call
// schedules 18 s ahead and restarts every 4 s, js-sdk 8 s and 5 s.
const (
	restartDelay   = 30 * time.Second
	restartEvery   = 4 * time.Second
	restartHarmful = 8 * time.Second
)

// How often a restart is tried. Synapse lets five pass at once unless told
// otherwise; a limit that begins after fifty is met after minutes of a call,
// so all of them are used up, unless the server is slow.
const (
	restartTries = 60
	restartFew   = 6
	restartFor   = 5 * time.Second
)

// checkRestart keeps a delayed event away for a moment, as a living device
// does, and finds out how often the homeserver allows it.
func (i *Inspector) checkRestart(ctx context.Context) Finding {
	const tried = "schedule an event, restart it as often as the homeserver lets us, then send it"
	mark := i.unique()
	id, _, a := i.schedule(ctx, restartDelay, mark)
	if id == "" {
		return Finding{Level: Broken, Tried: tried, Found: a.words(), Cause: "the first was taken and the second is refused: a limit on writing is very tight", Fix: "raise it", Command: i.homeserver("limits")}
	}
	passed, begun := 0, time.Now()
	for ; passed < restartFew || passed < restartTries && time.Since(begun) < restartFor; passed++ {
		if a = i.manage(ctx, id, "restart"); !a.ok() {
			break
		}
	}
	if a.status == http.StatusTooManyRequests {
		if f := i.judgeLimit(a, passed); f.Level != Fine {
			f.Tried = tried
			return f
		}
	} else if !a.ok() {
		f := judgeRestart(a)
		f.Tried = tried
		return f
	}
	f := i.sendNow(ctx, id, a, mark, passed)
	f.Tried = tried
	return f
}

// judgeLimit says whether living members survive the homeserver's limit.
func (i *Inspector) judgeLimit(a answer, passed int) Finding {
	wait := a.retryAfter()
	found := fmt.Sprintf("%d at once, then 429: the next is allowed in %s", passed, plainTime(wait))
	f := Finding{Found: found, Fix: "raise the limit, which is rc_delayed_event_mgmt in Synapse", Command: i.homeserver("limits"),
		Cause: fmt.Sprintf("one call restarts every %s, so this limit lets the delayed leave of people who are there go off: members vanish and come back", plainTime(restartEvery))}
	switch {
	case wait >= restartHarmful:
		f.Level = Broken
	case wait > restartEvery:
		f.Level = Warning
	}
	return f
}

func judgeRestart(a answer) Finding {
	switch {
	case a.errcode() == "M_NOT_FOUND":
		return Finding{Level: Broken, Found: a.words(), Cause: "the event was scheduled a moment ago and is not known: scheduling and restarting reach different processes, or the server sends too early. Every member vanishes after some seconds",
			Fix: "with workers, send all of " + message.PathDelayedEvents + " to the process that keeps them, in Synapse the main one", Snippet: snippetRestartRoute}
	case a.unrecognised():
		return Finding{Level: Broken, Found: a.words(), Cause: "events can be scheduled and not be restarted: the reverse proxy does not pass the path on, or to a worker that does not have it. Every member vanishes after some seconds",
			Fix: "pass " + message.PathDelayedEvents + " on to the homeserver, in Synapse to the main process", Snippet: snippetRestartRoute}
	}
	return Finding{Level: Broken, Found: a.words(), Cause: "events can be scheduled and not be restarted: every member vanishes after some seconds", Fix: "look at the homeserver's log"}
}

// sendNow ends the waiting early, as a device does that leaves.
func (i *Inspector) sendNow(ctx context.Context, id string, last answer, mark string, passed int) Finding {
	limited := ""
	if last.status == http.StatusTooManyRequests {
		limited = fmt.Sprintf("; then one every %s", plainTime(last.retryAfter()))
		select {
		case <-ctx.Done():
		case <-time.After(last.retryAfter()):
		}
	}
	a := i.manage(ctx, id, "send")
	if a.status == http.StatusTooManyRequests {
		return Finding{Level: Note, Found: fmt.Sprintf("%d restarts%s; sending was limited", passed, limited), Cause: "the account's limit on messages is used up, by doctor or by a client at the same moment; a leave is lost then, and clients write it once more", Fix: "try again in a minute; if it is the same then, raise the limit", Command: i.homeserver("limits")}
	}
	if !a.ok() {
		return Finding{Level: Warning, Found: fmt.Sprintf("%d restarts, and on sending %s", passed, a.words()), Cause: "leaving works by a plain event only", Fix: "look at the homeserver's log"}
	}
	if _, _, found := i.await(ctx, i.config.Arrival, i.scratch, func(g glance) bool {
		return slices.ContainsFunc(g.timeline, func(e event) bool { return marked(e, mark) })
	}); !found {
		return Finding{Level: Warning, Found: "told to send, and it did not come", Cause: "who leaves is seen until the membership expires", Fix: "look at the homeserver's log"}
	}
	return fine("%d restarts in a row%s; sent when told to", passed, limited)
}

// checkSticky sends a sticky event (MSC4354), which full mesh does without.
func (i *Inspector) checkSticky(ctx context.Context) Finding {
	tried := "send a sticky event and look for its mark in /sync"
	mark := i.unique()
	query := url.Values{message.QuerySticky: {"60000"}}
	a := i.ask(ctx, http.MethodPut, clientPath("v3", "rooms", i.scratch, "send", typeProbe, mark)+"?"+query.Encode(), map[string]string{"mark": mark})
	if a.status == http.StatusTooManyRequests {
		return Finding{Level: Note, Tried: tried, Found: a.words(), Cause: "the account's limit on messages is used up, by doctor or by a client at the same moment", Fix: "try again in a minute", Command: i.homeserver("limits")}
	}
	if !a.ok() {
		return Finding{Level: Warning, Tried: tried, Found: a.words(), Cause: "the homeserver does not take events of an unknown kind", Fix: "look at its log"}
	}
	sticky := false
	_, last, found := i.await(ctx, i.config.Arrival, i.scratch, func(g glance) bool {
		for _, e := range slices.Concat(g.sticky, g.timeline) {
			if marked(e, mark) {
				sticky = sticky || len(e.Sticky) > 0
				return true
			}
		}
		return false
	})
	advertised := i.versions.Features[message.FeatureSticky]
	switch {
	case !found:
		return Finding{Level: Broken, Tried: tried, Found: "the event did not come: " + last.words(), Cause: "what is sent in rooms is not received", Fix: "look at the homeserver's log"}
	case !sticky && advertised:
		return Finding{Level: Broken, Tried: tried, Found: "it came as a plain event, though /versions says otherwise", Cause: "something takes the query from the address", Fix: "let the reverse proxy pass the query on"}
	case !sticky:
		return Finding{Level: Note, Tried: tried, Found: "it came as a plain event", Cause: "the homeserver has no sticky events; members are state events then", Fix: "nothing to do for full mesh"}
	}
	return Finding{Tried: tried, Found: "it came, marked"}
}
