package jsep

import "testing"

// What an offer of a browser costs, from its text to ours.
func BenchmarkAnswer(b *testing.B) {
	text := recorded(b, "jssdk-screen-offer")
	us := newSide(b, "us", Config{}, whole("us"))
	b.ReportAllocs()
	for b.Loop() {
		d, err := Read(text)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := us.Answer(d, us.local, us.wish); err != nil {
			b.Fatal(err)
		}
	}
}
