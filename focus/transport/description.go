package transport

import "strings"

// Description is a session description and its type, "offer" or "answer".
type Description struct{ Type, SDP string }

// The types of a Description.
const (
	TypeOffer  = "offer"
	TypeAnswer = "answer"
)

// withCandidates writes candidates, and the end marker if there are no more,
// into the first m-section: with one bundle it speaks for all (RFC 9143 section
// 10). The text must not have any.
func withCandidates(text string, candidates []Candidate, complete bool) string {
	var lines strings.Builder
	for _, candidate := range candidates {
		lines.WriteString("a=" + candidate.Candidate + "\r\n")
	}
	if complete {
		lines.WriteString("a=end-of-candidates\r\n")
	}
	first := strings.Index(text, "\r\nm=")
	if first < 0 {
		return text
	}
	second := strings.Index(text[first+2:], "\r\nm=")
	if second < 0 {
		return text + lines.String()
	}
	split := first + 2 + second + 2
	return text[:split] + lines.String() + text[split:]
}
