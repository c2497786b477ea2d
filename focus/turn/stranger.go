package turn

import (
	"encoding/binary"

	"github.com/pion/stun/v4"
)

// pion/turn answers 400 (Bad Request) to who has no credentials that it knows. RFC 8489
// section 9.2.4 wants 401 (Unauthorized), and clients ask their homeserver for others
// when they hear that, so the answer is written anew on its way out.

// isRefusal says whether a datagram is an error response of STUN: its two bits of class
// are set (RFC 8489 section 5).
func isRefusal(datagram []byte) bool {
	const class = 0x0110
	return len(datagram) >= 2 && datagram[0] < 0x40 && binary.BigEndian.Uint16(datagram)&class == class
}

// unauthorized gives an answer as 401, with the nonce that the request had; as it is, if
// one of both cannot be read.
func unauthorized(answer, request []byte, realm string) []byte {
	var asked, refused stun.Message
	var nonce stun.Nonce
	if stun.Decode(request, &asked) != nil || stun.Decode(answer, &refused) != nil || nonce.GetFrom(&asked) != nil {
		return answer
	}
	written, err := stun.Build(stun.NewTransactionIDSetter(refused.TransactionID), refused.Type, stun.CodeUnauthorized, nonce, stun.NewRealm(realm))
	if err != nil {
		return answer
	}
	return written.Raw
}
