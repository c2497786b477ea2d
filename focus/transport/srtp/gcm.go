package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
)

// gcm is AES-GCM as RFC 7714 uses it. One key serves all SSRCs: the nonce
// tells them apart.
type gcm struct {
	aead cipher.AEAD
	// The salt as numbers: its first four bytes and its last eight.
	saltHigh uint32
	saltLow  uint64
	// Scratch. The calls go through an interface, so what they get would
	// otherwise be allocated for each packet.
	nonce      [12]byte
	associated [rtcpHeaderLen + indexLen]byte
	tag        [gcmTagLen]byte
}

func newGCM(s session) (*gcm, error) {
	block, err := aes.NewCipher(s.key)
	if err != nil {
		return nil, fmt.Errorf("srtp: AES-GCM: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil { // the FIPS 140-only mode, which wants to choose nonces itself
		return nil, fmt.Errorf("srtp: AES-GCM: %w", err)
	}
	return &gcm{
		aead:     aead,
		saltHigh: binary.BigEndian.Uint32(s.salt),
		saltLow:  binary.BigEndian.Uint64(s.salt[4:]),
	}, nil
}

// setNonce makes the nonce of sections 8.1 and 9.1, which are the same for a
// count of 48 bits: two zero bytes, the SSRC, the index, all under the salt.
func (g *gcm) setNonce(ssrc uint32, index uint64) {
	binary.BigEndian.PutUint32(g.nonce[:], g.saltHigh^ssrc>>16)
	binary.BigEndian.PutUint64(g.nonce[4:], g.saltLow^(uint64(ssrc)<<48|index))
}

// The header is what is authenticated and not encrypted (section 8.2).

func (g *gcm) sealRTP(region []byte, header int, payload []byte, ssrc uint32, index uint64) {
	g.setNonce(ssrc, index)
	g.aead.Seal(region[:header], g.nonce[:], payload, region[:header])
}

func (g *gcm) openRTP(packet []byte, header int, ssrc uint32, index uint64) bool {
	g.setNonce(ssrc, index)
	_, err := g.aead.Open(packet[:header], g.nonce[:], packet[header:], packet[:header])
	return err == nil
}

// In RTCP header and word are authenticated, and the word comes after the tag
// (section 9.2).

func (g *gcm) sealRTCP(region []byte, payload []byte, ssrc uint32, word uint32) {
	g.setNonce(ssrc, uint64(word&^encrypted))
	copy(g.associated[:], region[:rtcpHeaderLen])
	binary.BigEndian.PutUint32(g.associated[rtcpHeaderLen:], word)
	sealed := g.aead.Seal(region[:rtcpHeaderLen], g.nonce[:], payload, g.associated[:])
	binary.BigEndian.PutUint32(region[len(sealed):], word)
}

func (g *gcm) openRTCP(packet []byte, ssrc uint32, word uint32) bool {
	g.setNonce(ssrc, uint64(word&^encrypted))
	end := len(packet) - indexLen
	if word&encrypted == 0 {
		return g.verifyRTCP(packet[:end], word)
	}
	copy(g.associated[:], packet[:rtcpHeaderLen])
	binary.BigEndian.PutUint32(g.associated[rtcpHeaderLen:], word)
	_, err := g.aead.Open(packet[:rtcpHeaderLen], g.nonce[:], packet[rtcpHeaderLen:end], g.associated[:])
	return err == nil
}

// verifyRTCP checks a packet in the clear: all of it is authenticated, followed
// by the word (section 9.3), which for this takes the place of the tag.
func (g *gcm) verifyRTCP(packet []byte, word uint32) bool {
	end := len(packet) - gcmTagLen
	copy(g.tag[:], packet[end:])
	binary.BigEndian.PutUint32(packet[end:], word)
	_, err := g.aead.Open(g.tag[:0], g.nonce[:], g.tag[:], packet[:end+indexLen])
	return err == nil
}
