//go:build interop

package browser

import (
	"net"
	"net/http"
	"sync"
	"testing"
)

func TestInterop_BrowserIsCarriedFromOneNetworkToAnother(t *testing.T) {
	n := NewNamespace(t)
	n.Move(t)
	listener, err := net.Listen("tcp", Host+":0")
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	var mu sync.Mutex
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		from, _, _ := net.SplitHostPort(r.RemoteAddr)
		seen = append(seen, from)
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><link rel=icon href='data:,'>"))
	})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	defer serving.Wait()
	defer server.Close()
	address := "http://" + listener.Addr().String() + "/"

	p := Start(t, In(t, n)).Open(t, address)
	moved := n.Move(t)
	p.Go(address + "again")
	mu.Lock()
	defer mu.Unlock()
	if first, last := seen[0], seen[len(seen)-1]; first != "10.203.1.2" || last != moved {
		t.Errorf("the browser came from %s and, after it was moved, from %s", first, last)
	}
}
