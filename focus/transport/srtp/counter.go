package srtp

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"hash"
)

const hmacKeyLen = sha1.Size // RFC 3711 section 5.2: 160 bits

// counter is AES in counter mode with HMAC-SHA1 (RFC 3711 sections 4.1.1 and
// 4.2.1): first encrypted, then authenticated.
type counter struct {
	keystream *keystream
	mac       hash.Hash
	// Scratch, as in gcm.
	sum [sha1.Size]byte
	tag [hmacTagLen]byte
}

func newCounter(s session) (*counter, error) {
	if fips140.Enforced() { // HMAC would panic
		return nil, errors.New("srtp: the FIPS 140-only mode has no HMAC-SHA1")
	}
	k, err := newKeystream(s.key, s.salt)
	if err != nil {
		return nil, err
	}
	return &counter{keystream: k, mac: hmac.New(sha1.New, s.authentication)}, nil
}

// In RTP the rollover counter is authenticated after the packet but not sent
// (section 4.2). For the time of computing it stands where the tag goes, so
// that the hash sees one piece.

func (c *counter) sealRTP(region []byte, header int, payload []byte, ssrc uint32, index uint64) {
	end := header + len(payload)
	c.keystream.xor(region[header:end], payload, ssrc, index)
	binary.BigEndian.PutUint32(region[end:], uint32(index>>16))
	copy(region[end:end+hmacTagLen], c.authenticate(region[:end+4]))
}

func (c *counter) openRTP(packet []byte, header int, ssrc uint32, index uint64) bool {
	end := len(packet) - hmacTagLen
	copy(c.tag[:], packet[end:])
	binary.BigEndian.PutUint32(packet[end:], uint32(index>>16))
	if subtle.ConstantTimeCompare(c.authenticate(packet[:end+4]), c.tag[:]) != 1 {
		return false
	}
	c.keystream.xor(packet[header:end], packet[header:end], ssrc, index)
	return true
}

// In RTCP the word is sent before the tag (section 3.4).

func (c *counter) sealRTCP(region []byte, payload []byte, ssrc uint32, word uint32) {
	end := rtcpHeaderLen + len(payload)
	c.keystream.xor(region[rtcpHeaderLen:end], payload, ssrc, uint64(word&^encrypted))
	binary.BigEndian.PutUint32(region[end:], word)
	end += indexLen
	copy(region[end:end+hmacTagLen], c.authenticate(region[:end]))
}

func (c *counter) openRTCP(packet []byte, ssrc uint32, word uint32) bool {
	end := len(packet) - hmacTagLen
	if subtle.ConstantTimeCompare(c.authenticate(packet[:end]), packet[end:]) != 1 {
		return false
	}
	if word&encrypted != 0 {
		content := packet[rtcpHeaderLen : end-indexLen]
		c.keystream.xor(content, content, ssrc, uint64(word&^encrypted))
	}
	return true
}

// authenticate gives the tag of data, in scratch.
func (c *counter) authenticate(data []byte) []byte {
	c.mac.Reset()
	c.mac.Write(data)
	return c.mac.Sum(c.sum[:0])[:hmacTagLen]
}
