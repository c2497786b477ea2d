package srtp

import "fmt"

// Profile is a protection profile by its number in DTLS's use_srtp extension
// (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
type Profile uint16

// The profiles that browsers know, the cheapest last to first: GCM costs about
// a third of counter mode with HMAC.
const (
	AES128CMSHA1 Profile = 0x0001 // SRTP_AES128_CM_HMAC_SHA1_80
	AES128GCM    Profile = 0x0007 // SRTP_AEAD_AES_128_GCM
	AES256GCM    Profile = 0x0008 // SRTP_AEAD_AES_256_GCM
)

// Overhead is how many bytes protection adds at most, whatever the profile:
// GCM's tag and SRTCP's index. Room for it behind a packet always suffices.
const Overhead = gcmTagLen + indexLen

const (
	gcmTagLen  = 16 // RFC 7714 section 13.2
	hmacTagLen = 10 // RFC 3711 section 5.2: 80 bits
	indexLen   = 4  // SRTCP's E flag and index
)

// Known reports whether packets can be protected with the profile.
func (p Profile) Known() bool { return p.keyLen() > 0 }

// RTPOverhead is how many bytes longer a protected RTP packet is.
func (p Profile) RTPOverhead() int {
	if p == AES128CMSHA1 {
		return hmacTagLen
	}
	return gcmTagLen
}

// RTCPOverhead is how many bytes longer a protected RTCP packet is.
func (p Profile) RTCPOverhead() int { return p.RTPOverhead() + indexLen }

// MaterialLen is how many bytes of keying material NewKeys wants, 0 for a
// profile that is not known.
func (p Profile) MaterialLen() int { return 2 * (p.keyLen() + p.saltLen()) }

// keyLen is the length of master and session keys.
func (p Profile) keyLen() int {
	switch p {
	case AES128CMSHA1, AES128GCM:
		return 16
	case AES256GCM:
		return 32
	}
	return 0
}

// saltLen is the length of master and session salts: 112 bits, or 96 for GCM.
func (p Profile) saltLen() int {
	switch p {
	case AES128CMSHA1:
		return 14
	case AES128GCM, AES256GCM:
		return 12
	}
	return 0
}

// String gives the name in the register of DTLS-SRTP.
func (p Profile) String() string {
	switch p {
	case AES128CMSHA1:
		return "SRTP_AES128_CM_HMAC_SHA1_80"
	case AES128GCM:
		return "SRTP_AEAD_AES_128_GCM"
	case AES256GCM:
		return "SRTP_AEAD_AES_256_GCM"
	}
	return fmt.Sprintf("profile %#04x", uint16(p))
}
