package guest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/socket"
)

// told is a listener that remembers when it was told of ICE servers.
type told struct {
	mu      sync.Mutex
	servers [][]socket.ICEServer
	at      []time.Time
}

func (l *told) State(socket.State)   {}
func (l *told) Signal(socket.Signal) {}

func (l *told) Reports([]socket.Report) {}

func (l *told) Distrusted([]socket.Distrust) {}

func (l *told) ICEServers(servers []socket.ICEServer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.servers, l.at = append(l.servers, servers), append(l.at, time.Now())
}

func TestSeat_TellsOfNewCredentialsBeforeTheOldOnesEnd(t *testing.T) {
	const life = 20 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		var issued atomic.Int64
		server, err := homeserver.New(homeserver.Config{ServerName: "test.local", Turn: &homeserver.TurnServers{
			URIs: []string{"turn:127.0.0.1:3478"}, Lifetime: life,
			Credentials: func(string, time.Duration) (string, string) { return fmt.Sprint("user", issued.Add(1)), "password" },
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var loops sync.WaitGroup
		defer loops.Wait()
		defer cancel()
		loops.Go(func() { _ = server.Run(ctx) })
		h := &house{t: t, server: server, base: "http://inside", encrypt: matrix.EncryptOff, door: inProcess{server.Handler()}, rooms: map[string]string{}}
		if err := server.EnsureUser("host", ""); err != nil {
			t.Fatal(err)
		}
		account, err := h.credentials(NewParty("test.local"))
		if err != nil {
			t.Fatal(err)
		}
		seat, err := Open(ctx, Config{Account: account, Name: "Ada", Room: h.room("lobby")})
		if err != nil {
			t.Fatal(err)
		}
		began, listener := time.Now(), &told{}
		running, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- seat.Run(running, listener) }()
		time.Sleep(life)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := seat.Close(ctx, socket.Gone); err != nil {
			t.Error(err)
		}
		if len(listener.at) == 0 || listener.at[0].Sub(began) >= life-time.Minute {
			t.Fatalf("told %d times, at %v after the beginning at %v", len(listener.at), listener.at, began)
		}
		if first, next := "user1", listener.servers[0][0].Username; next == first {
			t.Errorf("told of the same credentials, %s", next)
		}
		if place := seat.Place(); place.ICEServers[0].Username != listener.servers[len(listener.servers)-1][0].Username {
			t.Error("the next welcome would name old credentials")
		}
	})
}
