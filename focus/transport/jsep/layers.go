package jsep

import (
	"slices"
	"strings"
)

// maxLayers is how many encodings of one picture are taken, as many as
// browsers send.
const maxLayers = 3

// sentLayers gives the rids that the other side sends, in its order: those
// that a=simulcast names and a=rid describes (RFC 8853 section 5.1, RFC 8851
// section 4). Of alternatives the first is taken; ~ before one means that it
// is paused now, which packets show as well.
func sentLayers(section attributes) []string {
	described := make(map[string]bool)
	for _, a := range section {
		if words := strings.Fields(a.value); a.key == "rid" && len(words) >= 2 && words[1] == "send" {
			described[words[0]] = true
		}
	}
	value, _ := section.first("simulcast")
	words := strings.Fields(value)
	var layers []string
	for i := 0; i+1 < len(words); i += 2 {
		if words[i] != "send" {
			continue
		}
		for alternatives := range strings.SplitSeq(words[i+1], ";") {
			rid, _, _ := strings.Cut(alternatives, ",")
			rid = strings.TrimPrefix(rid, "~")
			if described[rid] && isRID(rid) && !slices.Contains(layers, rid) && len(layers) < maxLayers {
				layers = append(layers, rid)
			}
		}
		break
	}
	return layers
}

// isRID reports whether text can name a layer (RFC 8851 section 10, with the
// length of one-byte extensions; some write - and _, which RFC 8852 leaves out).
func isRID(text string) bool {
	if text == "" || len(text) > 16 {
		return false
	}
	for _, c := range []byte(text) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}
