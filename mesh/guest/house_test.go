package guest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/message"
	"meshfocus/signalling/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 60 * time.Second

// eventually waits until what it waits for is true.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond) // the pace of looking, not a wait
	}
}

// testLog shows warnings in the test's output; 500 guests have too many of
// them when a benchmark stops.
func testLog(t testing.TB) *slog.Logger {
	if _, many := t.(*testing.B); many {
		return slog.New(slog.DiscardHandler)
	}
	level := slog.LevelWarn
	if os.Getenv("MESHFOCUS_TEST_DEBUG") != "" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level}))
}

// house is a homeserver and a gateway behind one listener, as the daemon has
// them. Each call has a room of its own.
type house struct {
	t        testing.TB
	server   *homeserver.Server
	gateway  *socket.Gateway
	base     string
	encrypt  matrix.EncryptMode
	trust    matrix.TrustPolicy
	door     http.RoundTripper // nil: guests reach the homeserver over HTTP
	listener net.Listener
	halt     func()

	mu    sync.Mutex
	rooms map[string]string
}

var key = []byte("a key that outlives the processes")

// start starts a house; data may be empty, listen gives its address.
func start(t testing.TB, data, listen string, change func(*homeserver.Config, *socket.Config)) *house {
	t.Helper()
	h := &house{t: t, rooms: map[string]string{}}
	homeConfig := homeserver.Config{ServerName: "test.local", DataDir: data, Registration: homeserver.RegistrationOpen}
	gateConfig := socket.Config{Opener: h, Key: key, Log: testLog(t), ConnectRate: 10_000, ConnectBurst: 10_000, MaxPerAddress: 1000}
	if change != nil {
		change(&homeConfig, &gateConfig)
	}
	var err error
	if h.server, err = homeserver.New(homeConfig); err != nil {
		t.Fatal(err)
	}
	if h.gateway, err = socket.New(gateConfig); err != nil {
		t.Fatal(err)
	}
	if h.listener, err = net.Listen("tcp", listen); err != nil {
		t.Fatal(err)
	}
	h.base = "http://" + h.listener.Addr().String()
	mux := http.NewServeMux()
	mux.Handle("/_matrix/", h.server.Handler())
	mux.Handle("/call/socket", h.gateway.Handler())
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	h.run(web)
	t.Cleanup(h.halt)
	if err := h.server.EnsureUser("host", ""); err != nil {
		t.Fatal(err)
	}
	return h
}

// run starts the loops; halt ends the gateway first, while its seats can
// still reach the homeserver.
func (h *house) run(web *http.Server) {
	home, stopHome := context.WithCancel(context.Background())
	gate, stopGate := context.WithCancel(context.Background())
	var below, above sync.WaitGroup
	below.Go(func() { _ = h.server.Run(home) })
	below.Go(func() { _ = web.Serve(h.listener) })
	above.Go(func() { _ = h.gateway.Run(gate) })
	h.halt = sync.OnceFunc(func() {
		stopGate()
		above.Wait()
		stopHome()
		_ = web.Close()
		below.Wait()
	})
}

// room gives the room of a call.
func (h *house) room(call string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rooms[call] == "" {
		room, err := h.server.EnsureRoom("call-"+strings.ToLower(call), "Call "+call, "host", homeserver.PresetPublic)
		if err != nil {
			h.t.Error(err)
		}
		h.rooms[call] = room
	}
	return h.rooms[call]
}

// credentials gives a device of a user, who is made if need be.
func (h *house) credentials(party message.Party) (matrix.Config, error) {
	localpart, _, _ := strings.Cut(strings.TrimPrefix(party.UserID, "@"), ":")
	if err := h.server.EnsureUser(localpart, ""); err != nil {
		return matrix.Config{}, err
	}
	token, err := h.server.IssueToken(localpart, party.DeviceID, "guest")
	return matrix.Config{Homeserver: h.base, Token: token, Encrypt: h.encrypt, Trust: h.trust, Transport: h.door}, err
}

// Open makes a guest, as the daemon does.
func (h *house) Open(ctx context.Context, hello socket.Hello) (socket.Seat, error) {
	party := hello.Party
	if party == (message.Party{}) {
		party = NewParty("test.local")
	}
	account, err := h.credentials(party)
	if err != nil {
		return nil, err
	}
	seat, err := Open(ctx, Config{Account: account, Name: hello.Name, Room: h.room(hello.Call), MaxMembers: 12, Log: testLog(h.t)})
	if err != nil {
		return nil, err // and no typed nil
	}
	return seat, nil
}

// browser is a page that speaks the protocol, keeping what it heard last.
type browser struct {
	t      testing.TB
	socket *websocket.Conn
	done   chan struct{}

	self                message.Party
	session, seat, room string
	resumed             bool

	mu sync.Mutex
	// guarded by mu
	members  map[string]string // device → session, of the slot
	names    map[string]string
	refused  map[message.Party]string // words
	reports  map[message.Party]string
	signals  []heard
	answers  map[string]int
	faults   []string
	servers  int
	nextID   int
	pending  map[int]chan string
	onSignal func(heard)
	mouth    sync.Mutex
}

type heard struct {
	From      message.Party
	Encrypted bool
	Event     string
	Content   json.RawMessage
}

// join takes a seat and enters.
func (h *house) join(t testing.TB, call, name string, more map[string]any) *browser {
	t.Helper()
	b, err := h.open(t, call, name, more)
	if err != nil {
		t.Fatal(err)
	}
	b.say(map[string]any{"type": "enter", "feeds": []string{"m.usermedia"}})
	eventually(t, name+" enters", func() bool { return b.answered("entered") > 0 })
	return b
}

func (h *house) open(t testing.TB, call, name string, more map[string]any) (*browser, error) {
	dialler := websocket.Dialer{Subprotocols: []string{socket.Protocol}}
	conn, _, err := dialler.Dial("ws"+strings.TrimPrefix(h.base, "http")+"/call/socket", nil)
	if err != nil {
		return nil, err
	}
	b := &browser{t: t, socket: conn, done: make(chan struct{}), answers: map[string]int{}, reports: map[message.Party]string{}, pending: map[int]chan string{}}
	hello := map[string]any{"type": "hello", "version": 1, "call": call, "name": name}
	for key, value := range more {
		hello[key] = value
	}
	b.say(hello)
	var welcome struct {
		Type, Seat, Words string
		Resumed           bool
		Self              struct {
			UserID    string `json:"user_id"`
			DeviceID  string `json:"device_id"`
			SessionID string `json:"session_id"`
		}
		Room    struct{ ID string }
		Servers []any `json:"ice_servers"`
	}
	if err := conn.ReadJSON(&welcome); err != nil || welcome.Type != "welcome" {
		_ = conn.Close()
		return nil, fmt.Errorf("not welcomed: %w %s %s", err, welcome.Type, welcome.Words)
	}
	b.self = message.Party{UserID: welcome.Self.UserID, DeviceID: welcome.Self.DeviceID}
	b.session, b.seat, b.room, b.resumed = welcome.Self.SessionID, welcome.Seat, welcome.Room.ID, welcome.Resumed
	b.servers = len(welcome.Servers)
	go b.listen()
	t.Cleanup(b.close)
	return b, nil
}

func (b *browser) close() {
	_ = b.socket.Close()
	<-b.done
}

func (b *browser) say(frame map[string]any) {
	b.mouth.Lock()
	defer b.mouth.Unlock()
	_ = b.socket.WriteJSON(frame) // a closed socket shows in what is not answered
}

func (b *browser) listen() {
	defer close(b.done)
	for {
		var f frame
		if b.socket.ReadJSON(&f) != nil {
			return
		}
		b.mu.Lock()
		b.take(f)
		call := b.onSignal
		b.mu.Unlock()
		if call != nil && f.Type == "signal" {
			call(f.heard())
		}
	}
}

// frame is any frame of the gateway.
type frame struct {
	Type, Code, Words string
	ID                int
	Error             *struct{ Code, Words string }
	Events            []struct {
		Type, Sender string
		Content      json.RawMessage
	}
	Sticky  []struct{ Content json.RawMessage }
	Devices []struct {
		UserID   string `json:"user_id"`
		DeviceID string `json:"device_id"`
		Words    string
	}
	Reports []struct {
		Party struct {
			UserID   string `json:"user_id"`
			DeviceID string `json:"device_id"`
		}
		Report json.RawMessage
	}
	Members []socket.Member
	From    struct {
		UserID   string `json:"user_id"`
		DeviceID string `json:"device_id"`
	}
	Encrypted bool
	Event     string
	Content   json.RawMessage
}

func (f frame) heard() heard {
	return heard{message.Party{UserID: f.From.UserID, DeviceID: f.From.DeviceID}, f.Encrypted, f.Event, f.Content}
}

// take keeps a frame. Called under mu.
func (b *browser) take(f frame) {
	b.answers[f.Type]++
	switch f.Type {
	case "state":
		b.members, b.names = map[string]string{}, map[string]string{}
		for _, event := range f.Events {
			if member, err := message.ParseMember(event.Content); err == nil && member.Session != nil {
				b.members[member.Session.DeviceID] = member.Session.MembershipID
			}
		}
		for _, event := range f.Sticky {
			if member, err := message.ParseStickyMember(event.Content); err == nil && !member.Left {
				b.members[member.DeviceID] = member.MemberID
			}
		}
		for _, member := range f.Members {
			b.names[member.UserID] = member.Name
		}
	case "distrust":
		b.refused = map[message.Party]string{}
		for _, device := range f.Devices {
			b.refused[message.Party{UserID: device.UserID, DeviceID: device.DeviceID}] = device.Words
		}
	case "reports":
		for _, r := range f.Reports {
			b.reports[message.Party{UserID: r.Party.UserID, DeviceID: r.Party.DeviceID}] = string(r.Report)
		}
	case "signal":
		b.signals = append(b.signals, f.heard())
	case "sent":
		if answer := b.pending[f.ID]; answer != nil {
			delete(b.pending, f.ID)
			if f.Error != nil {
				answer <- f.Error.Code + ": " + f.Error.Words
			}
			close(answer)
		}
	case "error":
		b.faults = append(b.faults, f.Code+": "+f.Words)
	}
}

func (b *browser) answered(kind string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.answers[kind]
}

// sees gives the session in which a device is a member of the slot, "" if it
// is none.
func (b *browser) sees(device string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.members[device]
}

// reported gives what a device reported, "" if nothing.
func (b *browser) reported(party message.Party) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reports[party]
}

// distrusts gives the words why a device is not heard, "" if it is.
func (b *browser) distrusts(party message.Party) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused[party]
}

// heardOf gives the signals of a call ID.
func (b *browser) heardOf(callID string) (found []heard) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range b.signals {
		var content struct {
			CallID string `json:"call_id"`
		}
		if json.Unmarshal(h.Content, &content) == nil && content.CallID == callID {
			found = append(found, h)
		}
	}
	return found
}

// send sends a hang-up and gives where its answer comes: nothing when it was
// delivered, else why not.
func (b *browser) send(to message.Party, session, callID string, seq int) chan string {
	answer := make(chan string, 1)
	b.mu.Lock()
	b.nextID++
	id := b.nextID
	b.pending[id] = answer
	b.mu.Unlock()
	b.say(map[string]any{
		"type": "signal", "id": id, "event": message.TypeHangup,
		"to": map[string]string{"user_id": to.UserID, "device_id": to.DeviceID},
		"content": map[string]any{
			"call_id": callID, "version": "1", "party_id": b.self.DeviceID, "conf_id": message.SlotRoom, "slot_id": message.SlotRoom,
			"room_id": b.room, "device_id": b.self.DeviceID, "sender_session_id": b.session,
			"dest_session_id": session, "seq": seq, "reason": "user_hangup", "org.matrix.msgid": fmt.Sprint(callID, id),
		},
	})
	return answer
}

// exchange shows that signals pass between two, both ways, encrypted.
func exchange(t testing.TB, a, b *browser, round string) {
	t.Helper()
	for i, pair := range [][2]*browser{{a, b}, {b, a}} {
		from, to := pair[0], pair[1]
		callID := fmt.Sprintf("%s-%d", round, i)
		select {
		case fault := <-from.send(to.self, to.session, callID, 0):
			if fault != "" {
				t.Fatalf("%s: %s", round, fault)
			}
		case <-time.After(patience):
			t.Fatalf("%s: never sent", round)
		}
		eventually(t, round+": the signal arrives", func() bool { return len(to.heardOf(callID)) > 0 })
		got := to.heardOf(callID)[0]
		if got.From != from.self || !got.Encrypted || got.Event != message.TypeHangup {
			t.Fatalf("%s: came as %+v", round, got)
		}
	}
}
