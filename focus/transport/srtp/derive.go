package srtp

import (
	"crypto/aes"
	"encoding/binary"
	"fmt"
)

// label says what a session key is for (RFC 3711 section 4.3.2).
type label byte

const (
	rtpKey label = iota
	rtpAuthentication
	rtpSalt
	rtcpKey
	rtcpAuthentication
	rtcpSalt
)

// session is the keys of one direction for RTP or for RTCP: each has its own.
type session struct {
	key, salt      []byte
	authentication []byte // nil for GCM
}

// sessions derives the keys of RTP and of RTCP.
func (m Master) sessions() (rtp, rtcp session, err error) {
	if m.secret == nil {
		return rtp, rtcp, fmt.Errorf("%w: the zero Master holds no key", ErrProfile)
	}
	if rtp, err = m.session(rtpKey, rtpAuthentication, rtpSalt); err != nil {
		return rtp, rtcp, err
	}
	rtcp, err = m.session(rtcpKey, rtcpAuthentication, rtcpSalt)
	return rtp, rtcp, err
}

func (m Master) session(key, authentication, salt label) (session, error) {
	var s session
	wanted := []struct {
		into  *[]byte
		label label
		size  int
	}{
		{&s.key, key, m.profile.keyLen()},
		{&s.salt, salt, m.profile.saltLen()},
		{&s.authentication, authentication, hmacKeyLen},
	}
	if m.profile != AES128CMSHA1 {
		wanted = wanted[:2]
	}
	for _, w := range wanted {
		derived, err := derive(m.secret, w.label, w.size)
		if err != nil {
			return session{}, err
		}
		*w.into = derived
	}
	return s, nil
}

// derive is the pseudo-random function of RFC 3711 section 4.3.3 (for 256 bits
// RFC 6188 section 3): the keystream of the master key from a counter that
// holds salt and label. The key derivation rate is 0, as DTLS-SRTP wants
// (RFC 5764 section 4.1.2), so that no index comes in: keys are derived once.
// A salt of 96 bits is followed by 16 zero bits (RFC 7714 section 11).
func derive(master secret, l label, size int) ([]byte, error) {
	key, salt := master()
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("srtp: deriving session keys: %w", err)
	}
	var counter [aes.BlockSize]byte
	copy(counter[:], salt)
	counter[7] ^= byte(l)
	blocks := (size + aes.BlockSize - 1) / aes.BlockSize
	out := make([]byte, blocks*aes.BlockSize)
	for i := range blocks {
		binary.BigEndian.PutUint16(counter[14:], uint16(i))
		block.Encrypt(out[i*aes.BlockSize:], counter[:])
	}
	return out[:size], nil
}
