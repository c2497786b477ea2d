package endtoend

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meshfocus/internal/browser"
	"meshfocus/web/stats"
)

// raw opens a socket as a page does that means harm, and gives everything that came
// back until a frame of a type did, or the socket was closed.
const raw = `new Promise((settle) => {
  const heard = [], socket = new WebSocket(%q, "meshfocus.call.v1");
  const timer = setTimeout(() => settle(heard), 45000);
  function hear(frame) {
    heard.push(frame);
    if (frame.type === %q || frame.type === "closed") { clearTimeout(timer); settle(heard); }
  }
  socket.onopen = () => { for (const frame of %s) socket.send(typeof frame === "string" ? frame : JSON.stringify(frame)); };
  socket.onmessage = ({ data }) => hear(JSON.parse(data));
  socket.onclose = ({ code }) => hear({ type: "closed", code });
})`

func TestHostile_NeitherPagesElsewhereNorLiarsHurtACall(t *testing.T) {
	d := serve(t, "127.0.0.1")
	b := browser.Start(t)
	ann := join(t, b, d.base(), "lobby", "Ann")
	bob := join(t, b, d.base(), "lobby", "Bob")
	ann.sees(t, joinLimit, "Bob")
	bob.sees(t, joinLimit, "Ann")
	annKey := bob.peers(t)["Ann"].Key
	socket := "ws://" + d.listen + "/call/socket"

	t.Run("a page of another origin gets no socket, no new call and no frame", func(t *testing.T) {
		elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprintf(w, `<!doctype html><link rel=icon href="data:,"><iframe src="%s/c/lobby"></iframe>`, d.base())
		}))
		defer elsewhere.Close()
		p := b.Open(t, elsewhere.URL)
		for _, part := range []string{"WebSocket", "frame", "Failed to load resource", "CORS", "Content Security Policy", "chromewebdata"} {
			p.Expect(part)
		}
		var got []map[string]any
		p.Eval(fmt.Sprintf(raw, socket, "welcome", `[{type:"hello",version:1,call:"lobby",name:"Eve"}]`), &got)
		if len(got) != 1 || got[0]["type"] != "closed" {
			t.Errorf("the socket said %v to a page of another origin", got)
		}
		var answer string
		p.Eval(fmt.Sprintf(`fetch(%q, {method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"}).then((r) => "status " + r.status, () => "refused")`, d.base()+"/call/new"), &answer)
		if answer != "refused" {
			t.Errorf("a page of another origin asked for a new call and got %q", answer)
		}
		p.Eventually(backLimit, "the frame is there", "frames.length === 1", "")
		said := func() string { return strings.Join(p.Console(), "\n") }
		until(t, backLimit, "the call page does not let itself be framed", func() bool { return strings.Contains(said(), "frame-ancestors") }, said)
	})

	t.Run("a guest cannot speak for another", func(t *testing.T) {
		p := b.Open(t, d.base()+"/account/")
		var got []map[string]any
		forged := fmt.Sprintf(`[{type:"hello",version:1,call:"lobby",name:"Eve"},{type:"enter",feeds:["m.usermedia"]},
			{type:"signal",id:1,to:{user_id:%[1]q.split("/")[0],device_id:%[1]q.split("/")[1]},event:"m.call.hangup",
			 content:{call_id:"x",version:"1",party_id:"OTHER",conf_id:"lobby",device_id:"OTHER",sender_session_id:"s",dest_session_id:"d",seq:0,reason:"user_hangup"}}]`, annKey)
		p.Eval(fmt.Sprintf(raw, socket, "sent", forged), &got)
		var refused bool
		for _, frame := range got {
			if fault, ok := frame["error"].(map[string]any); ok && frame["type"] == "sent" && fault["code"] == "bad_message" {
				refused = true
			}
		}
		if !refused {
			t.Errorf("a hang-up in another's name was answered by %v", got)
		}
	})

	t.Run("ten megabytes in one message", func(t *testing.T) {
		p := b.Open(t, d.base()+"/account/")
		var got []map[string]any
		p.Eval(fmt.Sprintf(raw, socket, "closed", `[{type:"hello",version:1,call:"lobby",name:"Eve"}, "x".repeat(1e7)]`), &got)
		if len(got) == 0 || got[len(got)-1]["type"] != "closed" {
			t.Errorf("after ten megabytes came %v", got)
		}
	})

	t.Run("ten thousand sockets from one page", func(t *testing.T) {
		p := b.Open(t, d.base()+"/account/")
		p.Expect("WebSocket")
		// How many are in is the daemon's to say: a busy browser hears late that
		// it was refused.
		ctx, cancel := context.WithCancel(t.Context())
		before := d.calls().Refused
		most := make(chan int)
		go func() { most <- mostSockets(ctx, d) }()
		p.Eval(fmt.Sprintf(`(async () => {
			window.flood = { open: 0 };
			for (let i = 0; i < 10; i++) {
				await Promise.all(Array.from({ length: 1000 }, () => new Promise((settle) => {
					const socket = new WebSocket(%q, "meshfocus.call.v1");
					let counted = false;
					socket.onmessage = ({ data }) => { if (JSON.parse(data).type === "error") socket.close(); };
					socket.onopen = () => { counted = true; flood.open++; settle(); };
					socket.onclose = () => { if (counted) flood.open--; settle(); };
					setTimeout(settle, 1000);
				})));
			}
		})()`, socket), nil)
		// A browser lets through some hundreds of them, fewer when it is busy;
		// TestJoins_TenThousandOfOneAddress of signalling/socket sends them all.
		var refused uint64
		until(t, backLimit, "some were refused", func() bool {
			refused = d.calls().Refused
			return refused > before
		}, d.said)
		p.Eventually(backLimit, "all but 64 have heard that they were refused", "flood.open <= 64", "flood.open")
		cancel()
		in := <-most
		t.Logf("at most %d of 10 000 were in at the same time, %d were refused", in, refused)
		if in < 3 || in > 64 {
			t.Errorf("%d sockets of one address were in at the same time, want those of two guests and of the flood, 64 at most", in)
		}
		p.Close()
	})

	// Nobody noticed any of it.
	ann.sees(t, backLimit, "Bob")
	bob.sees(t, backLimit, "Ann")
	if key := bob.peers(t)["Ann"].Key; key != annKey {
		t.Errorf("Ann is %s now, was %s", key, annKey)
	}
}

// calls asks the daemon what goes on on its call page; all zero while it does
// not answer.
func (d *daemon) calls() (calls stats.Calls) {
	client := http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	answer, err := client.Get(d.base() + "/status.json")
	if err != nil {
		return calls
	}
	defer answer.Body.Close()
	var status stats.Status
	_ = json.NewDecoder(answer.Body).Decode(&status)
	return status.Calls
}

// mostSockets is how many sockets the daemon had at most until ctx is done.
func mostSockets(ctx context.Context, d *daemon) (most int) {
	for ctx.Err() == nil {
		most = max(most, d.calls().Sockets)
		time.Sleep(20 * time.Millisecond)
	}
	return most
}
