package socket

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"meshfocus/signalling/message"
)

// seatPrefix names what is signed, so that the key may sign other things too.
const seatPrefix = "meshfocus.call.v1 seat\x00"

// seatClaim is what a seat's secret proves: that we gave this device of this
// call to whoever holds the secret.
type seatClaim struct {
	call   string
	party  message.Party
	issued time.Time // whole seconds
}

// seal writes a claim as a secret: its fields, each after its length, and
// their HMAC-SHA256, in unpadded base64url. Nothing has to be kept to open it,
// so that it outlives this process (decision 0009).
func (c seatClaim) seal(key []byte) string {
	var body []byte
	for _, field := range []string{c.call, c.party.UserID, c.party.DeviceID} {
		body = binary.AppendUvarint(body, uint64(len(field)))
		body = append(body, field...)
	}
	body = binary.BigEndian.AppendUint64(body, uint64(c.issued.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(body, signature(key, body)...))
}

func signature(key, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(seatPrefix))
	mac.Write(body)
	return mac.Sum(nil)
}

// openSeat reads a secret; false for anything that we have not sealed with
// this key.
func openSeat(secret string, key []byte) (seatClaim, bool) {
	all, err := base64.RawURLEncoding.Strict().DecodeString(secret)
	// Strict still skips line ends: one claim would have many secrets.
	if err != nil || len(all) < sha256.Size || strings.ContainsAny(secret, "\r\n") {
		return seatClaim{}, false
	}
	body, given := all[:len(all)-sha256.Size], all[len(all)-sha256.Size:]
	if !hmac.Equal(given, signature(key, body)) {
		return seatClaim{}, false
	}
	var fields [3]string
	for i := range fields {
		size, n := binary.Uvarint(body)
		if n <= 0 || size > uint64(len(body)-n) {
			return seatClaim{}, false
		}
		fields[i], body = string(body[n:n+int(size)]), body[n+int(size):]
	}
	if len(body) != 8 {
		return seatClaim{}, false
	}
	issued := time.Unix(int64(binary.BigEndian.Uint64(body)), 0)
	return seatClaim{fields[0], message.Party{UserID: fields[1], DeviceID: fields[2]}, issued}, true
}

// good reports whether the claim is for this call and not too old.
func (c seatClaim) good(call string, now time.Time, life time.Duration) bool {
	age := now.Sub(c.issued)
	return c.call == call && age < life && age > -time.Hour // clocks may be set back a little
}
