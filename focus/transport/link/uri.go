package link

import (
	"fmt"
	"strings"

	"github.com/pion/stun/v4"
)

// ParseURI reads the address of a STUN or TURN server (RFC 7064, RFC 7065), which may
// be anybody's word. stun.ParseURI (v4.0.0) does not return for one whose brackets are
// followed by something that is no port: it appends the usual one for ever.
func ParseURI(text string) (*stun.URI, error) {
	_, address, _ := strings.Cut(text, ":")
	if _, behind, found := strings.Cut(address, "]"); found && address[0] == '[' && behind != "" && !strings.ContainsAny(behind[:1], ":?#") {
		return nil, fmt.Errorf("address %q: want a port behind the brackets", text)
	}
	return stun.ParseURI(text)
}
