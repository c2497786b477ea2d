package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"meshfocus/signalling/message"
)

// wire is a network in memory, so that its time may be virtual. What one end
// writes the other has to read.
type wire struct {
	dialled chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func newWire() *wire { return &wire{dialled: make(chan net.Conn), closed: make(chan struct{})} }

func (w *wire) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case w.dialled <- there:
		return here, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case conn := <-w.dialled:
		return conn, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error   { w.once.Do(func() { close(w.closed) }); return nil }
func (w *wire) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// stand is a gateway that runs, with a town behind it.
type stand struct {
	t       *testing.T
	town    *town
	gateway *Gateway
	wire    *wire
	halt    func()
}

// virtual runs a test in virtual time.
func virtual(t *testing.T, change func(*Config), test func(*testing.T, *stand)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, newTown(), change)
		defer s.halt()
		test(t, s)
	})
}

func newStand(t *testing.T, behind *town, change func(*Config)) *stand {
	t.Helper()
	config := Config{Opener: behind, Key: []byte("0123456789abcdef0123456789abcdef"), Server: "test"}
	if change != nil {
		change(&config)
	}
	gateway, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	s := &stand{t: t, town: behind, gateway: gateway, wire: newWire()}
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{Handler: gateway.Handler(), ReadHeaderTimeout: 10 * time.Second}
	var loops sync.WaitGroup
	loops.Go(func() { _ = gateway.Run(ctx) })
	loops.Go(func() { _ = server.Serve(s.wire) })
	s.halt = sync.OnceFunc(func() {
		cancel()
		_ = s.wire.Close()
		_ = server.Close()
		loops.Wait()
	})
	return s
}

// browser is a page that speaks the protocol.
type browser struct {
	t      *testing.T
	socket *websocket.Conn
	frames chan map[string]any   // closed when the socket ends
	ended  atomic.Pointer[error] // why, before frames is closed; nil: it reads no more of its own accord
	stop   chan struct{}         // closed: read no more
	mouth  sync.Mutex            // one frame at a time
	asleep atomic.Bool           // answers no pings, as a machine that is off

	self    message.Party
	session string
	seat    string
	room    Room
	resumed bool
}

func (s *stand) dial(header http.Header) (*websocket.Conn, *http.Response, error) {
	dialler := websocket.Dialer{NetDialContext: s.wire.dial, Subprotocols: []string{Protocol}, HandshakeTimeout: 5 * time.Second}
	return dialler.Dial("ws://calls.test/call/socket", header)
}

// connect opens a socket and says nothing.
func (s *stand) connect() *browser {
	s.t.Helper()
	socket, _, err := s.dial(nil)
	if err != nil {
		s.t.Fatalf("dial: %v", err)
	}
	b := &browser{t: s.t, socket: socket, frames: make(chan map[string]any, 1000), stop: make(chan struct{})}
	socket.SetPingHandler(b.pinged)
	go b.read()
	s.t.Cleanup(func() { _ = socket.Close() })
	return b
}

// pinged answers as every browser does by itself.
func (b *browser) pinged(data string) error {
	if !b.asleep.Load() {
		_ = b.socket.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
	}
	return nil
}

func (b *browser) read() {
	defer close(b.frames)
	for {
		select {
		case <-b.stop:
			return
		default:
		}
		var frame map[string]any
		if err := b.socket.ReadJSON(&frame); err != nil {
			b.ended.Store(&err)
			return
		}
		b.frames <- frame
	}
}

// why is what the socket ended with, nil if it has not.
func (b *browser) why() error {
	if err := b.ended.Load(); err != nil {
		return *err
	}
	return nil
}

// fields are those of a frame, but its type.
type fields map[string]any

func (b *browser) say(kind string, what fields) {
	frame := map[string]any{"type": kind}
	for key, value := range what {
		frame[key] = value
	}
	b.mouth.Lock()
	defer b.mouth.Unlock()
	_ = b.socket.WriteJSON(frame) // one that is closed is noticed by who reads
}

// hear gives the next frame of a type, over others; nil when the socket ends
// or nothing comes for a minute.
func (b *browser) hear(kind string) map[string]any {
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for {
		select {
		case frame, open := <-b.frames:
			if !open {
				return nil
			}
			if frame["type"] == kind {
				return frame
			}
		case <-limit.C:
			return nil
		}
	}
}

// must is hear for what has to come.
func (b *browser) must(kind string) map[string]any {
	b.t.Helper()
	frame := b.hear(kind)
	if frame == nil {
		b.t.Fatalf("no %s came; the socket ended with %v", kind, b.why())
	}
	return frame
}

// refused expects a fatal error with a code, and the end of the socket.
func (b *browser) refused(code Code) map[string]any {
	b.t.Helper()
	frame := b.must("error")
	if frame["code"] != string(code) || frame["fatal"] != true || len(fmt.Sprint(frame["words"])) < 10 {
		b.t.Fatalf("refused with %v, want a fatal %s in words", frame, code)
	}
	if b.hear("nothing") != nil || b.why() == nil {
		b.t.Fatal("the socket is open after a fatal error")
	}
	return frame
}

// closedWith gives the code of the close frame that ended the socket, 0 for
// none.
func (b *browser) closedWith() int {
	for range b.frames {
	}
	if err := (*websocket.CloseError)(nil); errors.As(b.why(), &err) {
		return err.Code
	}
	return 0
}

// open connects and takes a seat in a call.
func (s *stand) open(call string, more fields) *browser {
	s.t.Helper()
	b := s.connect()
	hello := fields{"version": 1, "call": call, "name": "Ada"}
	for key, value := range more {
		hello[key] = value
	}
	b.say("hello", hello)
	b.welcomed()
	return b
}

func (b *browser) welcomed() {
	b.t.Helper()
	text, err := json.Marshal(b.must("welcome"))
	if err != nil {
		b.t.Fatal(err)
	}
	var welcome struct {
		Seat    string
		Resumed bool
		Self    struct {
			UserID    string `json:"user_id"`
			DeviceID  string `json:"device_id"`
			SessionID string `json:"session_id"`
		}
		Room Room
	}
	if err := json.Unmarshal(text, &welcome); err != nil {
		b.t.Fatal(err)
	}
	b.self = message.Party{UserID: welcome.Self.UserID, DeviceID: welcome.Self.DeviceID}
	b.session, b.seat, b.room, b.resumed = welcome.Self.SessionID, welcome.Seat, welcome.Room, welcome.Resumed
}

// join is open and enter.
func (s *stand) join(call string) *browser {
	s.t.Helper()
	b := s.open(call, nil)
	b.say("enter", fields{"feeds": []string{message.PurposeUserMedia}})
	b.must("entered")
	return b
}

// returns is the hello of a browser that comes back with its connections.
func (b *browser) returns() fields { return fields{"seat": b.seat, "session": b.session} }

// sees waits until another is in the room, as the homeserver tells it.
func (b *browser) sees(other *browser) {
	b.t.Helper()
	for {
		for _, member := range b.must("state")["members"].([]any) {
			if member.(map[string]any)["user_id"] == other.self.UserID {
				return
			}
		}
	}
}

// signal sends a hang-up to another.
func (b *browser) signal(to *browser, id int, callID string) {
	b.say("signal", fields{
		"id": id, "to": map[string]string{"user_id": to.self.UserID, "device_id": to.self.DeviceID},
		"event": message.TypeHangup, "content": hangup(b, to, callID, id),
	})
}

// talk shows that signals pass between two, both ways.
func talk(t *testing.T, a, b *browser, round string) {
	t.Helper()
	for i, pair := range [][2]*browser{{a, b}, {b, a}} {
		from, to := pair[0], pair[1]
		callID := fmt.Sprintf("call-%s-%d", round, i)
		from.signal(to, 7, callID)
		if sent := from.must("sent"); sent["error"] != nil {
			t.Fatalf("%s: not sent: %v", round, sent)
		}
		for {
			heard := to.must("signal")
			if heard["content"].(map[string]any)["call_id"] == callID {
				break
			}
		}
	}
}

// keepAlive sends pings until the test ends or the socket does.
func (b *browser) keepAlive(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var pinging sync.WaitGroup
	pinging.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(5 * time.Second):
				b.say("ping", fields{"id": 1})
			}
		}
	})
	t.Cleanup(func() { cancel(); pinging.Wait() })
}
