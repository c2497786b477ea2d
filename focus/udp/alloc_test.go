package udp

import "testing"

// Nothing is allocated for a batch, in whatever family, on either side.
func TestPath_OfADatagramAllocatesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, e Engine) {
		for _, f := range []struct {
			name string
			c    Config
		}{
			{"IPv4", Config{Address: home4, Engine: e}},
			{"IPv6", Config{Address: home6, Engine: e}},
			{"IPv4 coalesced", Config{Address: home4, Engine: e, Coalesce: true}},
		} {
			t.Run(f.name, func(t *testing.T) {
				from, to := listen(t, f.c), listen(t, f.c)
				arena, out, way := make([]byte, 4*1200), NewOutbox(8), path(t, from, to.LocalAddr())
				in := NewInbox(Buffers(8, Longest)...)
				round := func() {
					out.Add(way, arena, 1200)
					for at := 0; at < len(arena); at += 1200 {
						out.Append(way, arena[at:at+1200])
					}
					if err := from.Write(out); err != nil {
						t.Fatal(err)
					}
					for n := 0; n < 8; {
						got, err := to.Read(in)
						if err != nil {
							t.Fatal(err)
						}
						n += got
					}
				}
				round()
				if n := testing.AllocsPerRun(100, round); n != 0 {
					t.Errorf("%v allocations for eight datagrams there and back", n)
				}
				if n := testing.AllocsPerRun(100, func() {
					if err := from.WriteTo(arena[:100], to.LocalAddr()); err != nil {
						t.Fatal(err)
					}
				}); n != 0 {
					t.Errorf("%v allocations for WriteTo", n)
				}
			})
		}
	})
}
