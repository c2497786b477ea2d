package guest

import (
	"crypto/rand"
	"strings"

	"meshfocus/signalling/message"
)

// NewParty makes up a user and device for a new guest on a server:
// "@web-" and 40 random bits in base32, device "WEB" and 30 more. Guests so
// named sort after the parties of the lobby, which therefore place the calls
// (docs/protocol.md, who calls).
func NewParty(server string) message.Party {
	return message.Party{
		UserID:   "@web-" + strings.ToLower(rand.Text()[:8]) + ":" + server,
		DeviceID: "WEB" + rand.Text()[:6],
	}
}
