package homeserver

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestSync_ShowsWhatHappenedSinceTheToken(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob := a.user("alice"), a.user("bob")
	room := alice.room(nil)
	alice.send(room, "before")
	bob.join(room)
	first := bob.sync("")
	joined := []any{"rooms", "join", room}
	same(t, "first timeline", bodies(first.list(append(joined, "timeline", "events")...)), []string{"before"})
	first.is("false", append(joined, "timeline", "limited")...).is("2", append(joined, "summary", "m.joined_member_count")...)
	if first.at(append(joined, "state")...) != nil {
		t.Error("the timeline begins at the room's creation and there is state before it")
	}
	since := first.text("next_batch")
	if quiet := bob.sync(since); quiet.at("rooms") != nil || quiet.at("to_device") != nil {
		t.Errorf("nothing happened and the answer is %v", quiet.body)
	}
	txn := bob.do("PUT", in(room, "send", "m.room.message", "once"), obj{"body": "mine"}).ok().text("event_id")
	if again := bob.do("PUT", in(room, "send", "m.room.message", "once"), obj{"body": "mine"}).ok().text("event_id"); again != txn {
		t.Errorf("the same transaction sent %s and %s", txn, again)
	}
	alice.state(room, "m.room.topic", "", obj{"topic": "T"}).ok()
	next := bob.sync(since)
	events := next.list(append(joined, "timeline", "events")...)
	same(t, "next timeline", kinds(events), []string{"m.room.message", "m.room.topic"})
	if got := dig(events, 0, "unsigned", "transaction_id"); got != "once" {
		t.Errorf("the sending device sees the transaction as %v", got)
	}
	if dig(events, 0, "room_id") != nil {
		t.Error("events in /sync have a room_id")
	}
	other := a.deviceOf("bob", "OTHER").sync(since).list(append(joined, "timeline", "events")...)
	if got := dig(other, 0, "unsigned", "transaction_id"); got != nil {
		t.Errorf("another device of the sender sees the transaction %v", got)
	}
	alices := alice.sync(since).list(append(joined, "timeline", "events")...)
	if got := dig(alices, 0, "unsigned", "transaction_id"); got != nil {
		t.Errorf("another user sees the transaction %v", got)
	}
	if again := bob.sync(since); asJSON(kinds(again.list(append(joined, "timeline", "events")...))) != asJSON(kinds(events)) {
		t.Error("the same token shows something else the second time")
	}
}

func TestSync_LeavesAGapThatMessagesFill(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob := a.user("alice"), a.user("bob")
	room := alice.room(nil)
	since := bob.join(room).now()
	alice.state(room, "m.room.topic", "", obj{"topic": "T"}).ok()
	for i := range 25 {
		alice.send(room, fmt.Sprint(i))
	}
	limited := bob.sync(since, `filter={"room":{"timeline":{"limit":5}}}`)
	joined := []any{"rooms", "join", room}
	limited.is("true", append(joined, "timeline", "limited")...)
	same(t, "timeline", bodies(limited.list(append(joined, "timeline", "events")...)), []string{"20", "21", "22", "23", "24"})
	same(t, "state before it", kinds(limited.list(append(joined, "state", "events")...)), []string{"m.room.topic"})

	from, seen := limited.text(append(joined, "timeline", "prev_batch")...), []string{}
	for len(seen) < 20 {
		page := bob.do("GET", in(room, "messages")+"?dir=b&limit=8&from="+from+`&filter={"types":["m.room.message"]}`, nil).ok()
		if len(page.list("chunk")) == 0 {
			break
		}
		seen = append(seen, bodies(page.list("chunk"))...)
		from = page.text("end")
	}
	slices.Reverse(seen)
	want := []string{}
	for i := range 20 {
		want = append(want, fmt.Sprint(i))
	}
	same(t, "the gap", seen, want)

	forth := bob.do("GET", in(room, "messages")+"?dir=f&limit=3&from="+since, nil).ok()
	same(t, "forwards", kinds(forth.list("chunk")), []string{"m.room.message", "m.room.message", "m.room.topic"})
	last := bob.do("GET", in(room, "messages")+"?dir=b&limit=100", nil).ok()
	if last.at("end") != nil || len(last.list("chunk")) < 30 {
		t.Errorf("the whole history has %d events and goes on at %v", len(last.list("chunk")), last.at("end"))
	}
}

func TestSync_WithStateAfterGivesTheNewestState(t *testing.T) {
	a := newAPI(t, Config{})
	alice := a.user("alice")
	room := alice.room(nil)
	since := alice.now()
	alice.state(room, "m.room.topic", "", obj{"topic": "1"}).ok()
	alice.state(room, "m.room.topic", "", obj{"topic": "2"}).ok()
	after := "org.matrix.msc4222.use_state_after=true"
	section := []any{"rooms", "join", room, "org.matrix.msc4222.state_after", "events"}
	news := alice.sync(since, after)
	same(t, "timeline", kinds(news.list("rooms", "join", room, "timeline", "events")), []string{"m.room.topic", "m.room.topic"})
	news.is(`"2"`, append(section, 0, "content", "topic")...).is("null", append(section, 1)...)
	if news.at("rooms", "join", room, "state") != nil {
		t.Error("there is state beside state_after")
	}
	whole := alice.sync("", after, `filter={"room":{"timeline":{"limit":1}}}`)
	if got := kinds(whole.list(section...)); len(got) != 7 {
		t.Errorf("the first sync has the state %q", got)
	}
	alice.send(room, "x")
	alice.sync(news.text("next_batch"), after).is("[]", section...)
}

func TestSync_FullStateShowsAllOfIt(t *testing.T) {
	a := newAPI(t, Config{})
	alice := a.user("alice")
	room := alice.room(obj{"name": "Tea"})
	since := alice.now()
	same(t, "state", kinds(alice.sync(since, "full_state=true").list("rooms", "join", room, "state", "events")), []string{
		"m.room.create", "m.room.guest_access", "m.room.history_visibility", "m.room.join_rules",
		"m.room.member", "m.room.name", "m.room.power_levels",
	})
}

func TestSync_ShowsInvitationsAndDepartures(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob := a.user("alice"), a.user("bob")
	room := alice.room(obj{"preset": "private_chat", "name": "Tea"})
	since := bob.now()
	alice.do("POST", in(room, "invite"), obj{"user_id": bob.id}).ok()
	invited := bob.sync(since)
	state := invited.list("rooms", "invite", room, "invite_state", "events")
	same(t, "stripped state", kinds(state), []string{"m.room.create", "m.room.join_rules", "m.room.member", "m.room.member", "m.room.name"})
	if dig(state, 0, "event_id") != nil {
		t.Error("stripped state has event IDs")
	}
	if bob.sync(invited.text("next_batch")).at("rooms") != nil {
		t.Error("an old invitation is shown again")
	}
	if bob.sync("").at("rooms", "invite", room) == nil {
		t.Error("the first sync does not show an open invitation")
	}
	since = bob.join(room).now()
	secret := alice.send(room, "for bob")
	alice.do("POST", in(room, "kick"), obj{"user_id": bob.id}).ok()
	after := alice.send(room, "about bob")
	left := bob.sync(since)
	same(t, "last seen", bodies(left.list("rooms", "leave", room, "timeline", "events")), []string{"for bob"})
	if left.at("rooms", "join", room) != nil {
		t.Error("a room one was kicked from is shown as joined")
	}
	bob.do("GET", in(room, "event", secret), nil).ok()
	bob.do("GET", in(room, "event", after), nil).refused(404, codeNotFound)
	same(t, "history", bodies(bob.do("GET", in(room, "messages")+"?dir=b", nil).ok().list("chunk")), []string{"for bob"})
	if since = left.text("next_batch"); bob.sync(since).at("rooms") != nil {
		t.Error("a room that was left goes on talking")
	}
}

func TestSync_WakesForNewsAndForNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, Config{})
		alice, bob, carol := a.user("alice"), a.user("bob"), a.user("carol")
		room := alice.room(nil)
		bob.join(room)
		answers := make(chan string, 2)
		wait := func(c *caller, since string) {
			r := c.do("GET", "sync?timeout=30000&since="+since, nil).ok()
			answers <- c.id + " " + asJSON(kinds(r.list("to_device", "events"))) + " " +
				asJSON(bodies(r.list("rooms", "join", room, "timeline", "events")))
		}
		sinceBob, sinceCarol := bob.now(), carol.now()
		began := time.Now()
		go wait(bob, sinceBob)
		go wait(carol, sinceCarol)
		time.Sleep(3 * time.Second)
		alice.send(room, "hello")
		if got := <-answers; got != `@bob:hs [] ["hello"]` || time.Since(began) != 3*time.Second {
			t.Errorf("%s after %v", got, time.Since(began))
		}
		if n := a.server.Stats().Syncing; n != 1 {
			t.Errorf("%d still wait, want carol alone", n)
		}
		if got := <-answers; got != `@carol:hs [] []` || time.Since(began) != 30*time.Second {
			t.Errorf("%s after %v; want nothing after 30 s", got, time.Since(began))
		}
	})
}

// TestSync_WakesOneDeviceOfAUser is about cost: a message to one device must
// not make the others answer.
func TestSync_WakesOneDeviceOfAUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, Config{})
		alice, phone, laptop := a.user("alice"), a.deviceOf("bob", "PHONE"), a.deviceOf("bob", "LAPTOP")
		answered := make(chan string, 2)
		for _, d := range []*caller{phone, laptop} {
			since := d.now()
			go func() {
				r := d.do("GET", "sync?timeout=10000&since="+since, nil).ok()
				answered <- d.device + asJSON(kinds(r.list("to_device", "events")))
			}()
		}
		synctest.Wait()
		began := time.Now()
		alice.do("PUT", "sendToDevice/m.x/1", obj{"messages": obj{"@bob:hs": obj{"PHONE": obj{}}}}).ok()
		if got := <-answered; got != `PHONE["m.x"]` || time.Since(began) != 0 {
			t.Errorf("%s after %v", got, time.Since(began))
		}
		if got := <-answered; got != `LAPTOP[]` || time.Since(began) != 10*time.Second {
			t.Errorf("%s after %v; want nothing after 10 s", got, time.Since(began))
		}
	})
}

func TestSync_EndsWithItsClientAndItsDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, Config{})
		phone, laptop := a.deviceOf("bob", "PHONE"), a.deviceOf("bob", "LAPTOP")
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan reply, 1)
		since := phone.now()
		go func() { gone <- phone.doIn(ctx, "GET", "sync?timeout=60000&since="+since, nil) }()
		synctest.Wait()
		cancel()
		<-gone
		out := make(chan reply, 1)
		go func() { out <- phone.do("GET", "sync?timeout=60000&since="+since, nil) }()
		synctest.Wait()
		laptop.do("POST", "logout/all", nil).ok()
		(<-out).refused(401, codeUnknownToken)
	})
}

func TestRun_AnswersLongPollsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, Config{})
		alice := a.user("alice")
		since := alice.now()
		answered := make(chan reply, 1)
		go func() { answered <- alice.do("GET", "sync?timeout=60000&since="+since, nil) }()
		synctest.Wait()
		began := time.Now()
		a.stop()
		(<-answered).ok()
		if took := time.Since(began); took != 0 {
			t.Errorf("the end took %v", took)
		}
		alice.do("GET", "account/whoami", nil).refused(503, codeUnknown)
	})
}

func TestRun_WaitsForRequestsThatAreBeingServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, Config{})
		alice := a.user("alice")
		body, slow := io.Pipe()
		request := httptest.NewRequest("POST", "/_matrix/client/v3/createRoom", body)
		request.Header.Set("Authorization", "Bearer "+alice.token)
		answer := httptest.NewRecorder()
		served, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(served)
			a.handler.ServeHTTP(answer, request)
		}()
		synctest.Wait()
		go func() {
			defer close(ended)
			a.stop()
		}()
		synctest.Wait()
		select {
		case <-ended:
			t.Error("the end did not wait for a request")
		default:
		}
		slow.Write([]byte(`{}`))
		slow.Close()
		<-served
		<-ended
		if answer.Code != 200 {
			t.Errorf("the request was answered with %d %s", answer.Code, answer.Body)
		}
	})
}

func TestSync_HonoursFilters(t *testing.T) {
	a := newAPI(t, Config{})
	alice := a.user("alice")
	tea, coffee := alice.room(nil), alice.room(nil)
	since := alice.now()
	for _, room := range []string{tea, coffee} {
		alice.send(room, "hello")
		alice.state(room, "org.x", "", obj{"a": 1}).ok()
	}
	for _, test := range []struct {
		name, filter string
		tea, coffee  []string
	}{
		{"none", `{}`, []string{"m.room.message", "org.x"}, []string{"m.room.message", "org.x"}},
		{"one room", `{"room":{"rooms":["` + tea + `"]}}`, []string{"m.room.message", "org.x"}, []string{}},
		{"all but one", `{"room":{"not_rooms":["` + tea + `"]}}`, []string{}, []string{"m.room.message", "org.x"}},
		{"types", `{"room":{"timeline":{"types":["m.*"]}}}`, []string{"m.room.message"}, []string{"m.room.message"}},
		{"not types", `{"room":{"timeline":{"not_types":["m.room.*e"]}}}`, []string{"org.x"}, []string{"org.x"}},
		{"senders", `{"room":{"timeline":{"senders":["@bob:hs"]}}}`, []string{}, []string{}},
		{"no timeline at all", `{"room":{"timeline":{"limit":0}}}`, []string{}, []string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := alice.sync(since, "filter="+url.QueryEscape(test.filter))
			same(t, "tea", kinds(r.list("rooms", "join", tea, "timeline", "events")), test.tea)
			same(t, "coffee", kinds(r.list("rooms", "join", coffee, "timeline", "events")), test.coffee)
		})
	}
}

func TestVisibility_DecidesWhatNewcomersRead(t *testing.T) {
	a := newAPI(t, Config{})
	for _, test := range []struct {
		visibility string
		want       []string
	}{
		{"shared", []string{"before", "invited", "joined"}},
		{"invited", []string{"invited", "joined"}},
		{"joined", []string{"joined"}},
		{"world_readable", []string{"before", "invited", "joined"}},
	} {
		t.Run(test.visibility, func(t *testing.T) {
			alice, bob, carol := a.user("alice"), a.user("bob"), a.user("carol")
			room := alice.room(obj{"preset": "private_chat", "initial_state": []obj{
				{"type": "m.room.history_visibility", "content": obj{"history_visibility": test.visibility}},
			}})
			alice.send(room, "before")
			alice.do("POST", in(room, "invite"), obj{"user_id": bob.id}).ok()
			alice.send(room, "invited")
			bob.join(room)
			alice.send(room, "joined")
			joined := bob.sync("", `filter={"room":{"timeline":{"limit":50}}}`)
			same(t, "sync", bodies(joined.list("rooms", "join", room, "timeline", "events")), test.want)
			pages := bodies(bob.do("GET", in(room, "messages")+"?dir=f&limit=50", nil).ok().list("chunk"))
			same(t, "messages", pages, test.want)
			peek := carol.do("GET", in(room, "messages")+"?dir=b", nil)
			if open := test.visibility == "world_readable"; (peek.status == 200) != open {
				t.Errorf("who is outside gets %d", peek.status)
			}
		})
	}
}

func TestEphemeral_TypingAndReceiptsCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, Config{})
		alice, bob := a.user("alice"), a.user("bob")
		room := alice.room(nil)
		bob.join(room)
		message := alice.send(room, "read me")
		since := alice.now()
		bob.do("PUT", in(room, "typing", bob.id), obj{"typing": true, "timeout": 4000}).ok()
		bob.do("PUT", in(room, "typing", alice.id), obj{"typing": true}).refused(403, codeForbidden)
		ephemeral := []any{"rooms", "join", room, "ephemeral", "events"}
		typing := alice.sync(since).is(`["@bob:hs"]`, append(ephemeral, 0, "content", "user_ids")...)
		began := time.Now()
		stopped := alice.do("GET", "sync?timeout=60000&since="+typing.text("next_batch"), nil).ok()
		stopped.is(`[]`, append(ephemeral, 0, "content", "user_ids")...)
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("typing ended after %v, want 4 s", took)
		}
		since = stopped.text("next_batch")
		bob.do("POST", in(room, "receipt", "m.read", message), obj{}).ok()
		bob.do("POST", in(room, "receipt", "m.read.private", message), obj{}).ok()
		got := alice.sync(since)
		if got.at(append(ephemeral, 0, "content", message, "m.read", bob.id, "ts")...) == nil {
			t.Errorf("no receipt in %v", got.body)
		}
		if got.at(append(ephemeral, 0, "content", message, "m.read.private")...) != nil {
			t.Error("a private receipt is shown to others")
		}
		bob.do("POST", in(room, "read_markers"), obj{"m.fully_read": message, "m.read": message}).ok()
		same(t, "marker", kinds(bob.sync(since).list("rooms", "join", room, "account_data", "events")), []string{"m.fully_read"})
		alice.send(room, "unread")
		bob.sync(since).is("1", "rooms", "join", room, "unread_notifications", "notification_count")
	})
}

func TestContext_ShowsBothSidesOfAnEvent(t *testing.T) {
	a := newAPI(t, Config{})
	alice := a.user("alice")
	room := alice.room(nil)
	ids := []string{}
	for i := range 7 {
		ids = append(ids, alice.send(room, fmt.Sprint(i)))
	}
	got := alice.do("GET", in(room, "context", ids[3])+"?limit=4", nil).ok()
	same(t, "before", bodies(got.list("events_before")), []string{"2", "1"})
	same(t, "after", bodies(got.list("events_after")), []string{"4", "5"})
	got.is(`"3"`, "event", "content", "body")
	earlier := alice.do("GET", in(room, "messages")+"?dir=b&limit=1&from="+got.text("start"), nil).ok()
	later := alice.do("GET", in(room, "messages")+"?dir=f&limit=1&from="+got.text("end"), nil).ok()
	same(t, "earlier", bodies(earlier.list("chunk")), []string{"0"})
	same(t, "later", bodies(later.list("chunk")), []string{"6"})
}

func TestRelations_FindRepliesAndThreads(t *testing.T) {
	a := newAPI(t, Config{})
	alice := a.user("alice")
	room := alice.room(nil)
	root := alice.send(room, "root")
	alice.send(room, "beside")
	relate := func(txn, kind string) {
		alice.do("PUT", in(room, "send", "m.room.message", txn), obj{"body": txn, "m.relates_to": obj{"rel_type": kind, "event_id": root}}).ok()
	}
	relate("r1", "m.thread")
	relate("r2", "m.replace")
	same(t, "all", bodies(alice.do("GET", "/_matrix/client/v1/"+in(room, "relations", root), nil).ok().list("chunk")), []string{"r2", "r1"})
	same(t, "thread", bodies(alice.do("GET", "/_matrix/client/v1/"+in(room, "relations", root, "m.thread"), nil).ok().list("chunk")), []string{"r1"})
	same(t, "roots", bodies(alice.do("GET", "/_matrix/client/v1/"+in(room, "threads"), nil).ok().list("chunk")), []string{"root"})
}

func TestMembers_AreListedAndFiltered(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob, carol := a.user("alice"), a.user("bob"), a.user("carol")
	room := alice.room(nil)
	early := alice.now()
	bob.join(room)
	carol.join(room)
	carol.do("POST", in(room, "leave"), obj{}).ok()
	count := func(query string) int {
		return len(alice.do("GET", in(room, "members")+query, nil).ok().list("chunk"))
	}
	for query, want := range map[string]int{
		"": 3, "?membership=join": 2, "?not_membership=leave": 2, "?at=" + early: 1,
	} {
		if got := count(query); got != want {
			t.Errorf("members%s: %d, want %d", query, got, want)
		}
	}
	bob.do("GET", in(room, "joined_members"), nil).ok().is(`"alice"`, "joined", alice.id, "display_name").is("null", "joined", carol.id)
}
