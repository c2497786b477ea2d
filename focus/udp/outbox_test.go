package udp

import "testing"

func TestAppend_JoinsWhatIsARun(t *testing.T) {
	one, two := &Path{}, &Path{}
	arena := make([]byte, 1000)
	type add struct {
		path     *Path
		from, to int
	}
	for name, c := range map[string]struct {
		adds []add
		want []int // datagrams of each message
	}{
		"one":                      {[]add{{one, 0, 10}}, []int{1}},
		"of one size":              {[]add{{one, 0, 10}, {one, 10, 20}, {one, 20, 30}}, []int{3}},
		"a shorter last":           {[]add{{one, 0, 10}, {one, 10, 20}, {one, 20, 23}}, []int{3}},
		"nothing after a shorter":  {[]add{{one, 0, 10}, {one, 10, 13}, {one, 13, 16}, {one, 16, 19}}, []int{2, 2}},
		"a longer one":             {[]add{{one, 0, 10}, {one, 10, 21}}, []int{1, 1}},
		"another path":             {[]add{{one, 0, 10}, {two, 10, 20}, {two, 20, 30}, {one, 30, 40}}, []int{1, 2, 1}},
		"elsewhere in the arena":   {[]add{{one, 0, 10}, {one, 11, 21}}, []int{1, 1}},
		"before":                   {[]add{{one, 10, 20}, {one, 0, 10}}, []int{1, 1}},
		"nothing between":          {[]add{{one, 0, 10}, {one, 10, 10}, {one, 10, 20}}, []int{2}},
		"at the end of the arena":  {[]add{{one, 990, 1000}, {one, 0, 10}}, []int{1, 1}},
		"after two that were long": {[]add{{one, 0, 10}, {one, 10, 20}, {one, 20, 40}, {one, 40, 60}}, []int{2, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			out := NewOutbox(1)
			for _, a := range c.adds {
				out.Append(a.path, arena[a.from:a.to])
			}
			var got []int
			for i := range out.messages {
				_, n := out.messages[i].share(0, false)
				got = append(got, n)
			}
			if len(got) != len(c.want) {
				t.Fatalf("%v datagrams, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Fatalf("%v datagrams, want %v", got, c.want)
				}
			}
		})
	}
}

func TestAppend_LooksNoFurtherThanTheSliceReaches(t *testing.T) {
	way, arena := &Path{}, make([]byte, 100)
	out := NewOutbox(1)
	out.Append(way, arena[0:10:10])
	out.Append(way, arena[10:20:20])
	if out.Messages() != 2 {
		t.Error("a slice grew beyond its capacity")
	}
}
