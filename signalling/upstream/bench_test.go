package upstream

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// BenchmarkPass is a small request to the homeserver, straight and through us.
func BenchmarkPass(b *testing.B) {
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	defer home.Close()
	s, err := New(Config{URL: home.URL})
	if err != nil {
		b.Fatal(err)
	}
	front := httptest.NewServer(s.Handler())
	defer front.Close()
	for name, base := range map[string]string{"straight": home.URL, "through": front.URL} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				response, err := http.Get(base + "/_matrix/client/v3/rooms/%21a%3Ax/messages?dir=b")
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		})
	}
}

// BenchmarkRestart is what clients do most: a restart, on the disk before it
// is answered, by 100 devices at once with 1000 events in all.
func BenchmarkRestart(b *testing.B) {
	s, err := New(Config{URL: "http://127.0.0.1:1", DataDir: b.TempDir(), Manage: Limit{PerSecond: 1e9, Burst: 1e9}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	ids := make(chan string, 1000)
	for n := range 1000 {
		who := caller{token: "t", user: strings.Repeat("u", n%100+1)}
		id, _, _ := s.book.schedule(who, record{Path: "/x", Content: []byte("{}"), Delay: time.Hour, Since: time.Now()}, 1000)
		ids <- id
	}
	b.ReportAllocs()
	b.SetParallelism(50)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := <-ids
			r := httptest.NewRequest(http.MethodPost, "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/"+id+"/restart", strings.NewReader("{}"))
			r.Header.Set("Authorization", "Bearer t")
			w := httptest.NewRecorder()
			s.serve(w, r)
			if w.Code != http.StatusOK {
				b.Error(w.Code)
			}
			ids <- id
		}
	})
}
