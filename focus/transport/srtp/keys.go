package srtp

import (
	"bytes"
	"crypto/subtle"
	"fmt"
)

// ExporterLabel is what to ask a DTLS connection's exporter with, without a
// context and for Profile.MaterialLen bytes (RFC 5764 section 4.2).
const ExporterLabel = "EXTRACTOR-dtls_srtp"

// Keys is what both ends of a DTLS connection protect with: each seals with its
// own master and opens with the other's.
type Keys struct {
	Client, Server Master // of the DTLS client and of the DTLS server
}

// NewKeys cuts exported keying material into its parts: the client's and the
// server's key, then the client's and the server's salt. The material may be
// overwritten afterwards. It fails with ErrProfile or ErrKeyLength.
func NewKeys(p Profile, material []byte) (Keys, error) {
	if !p.Known() {
		return Keys{}, fmt.Errorf("%w: %v", ErrProfile, p)
	}
	if len(material) != p.MaterialLen() {
		return Keys{}, fmt.Errorf("%w: %d bytes of material, %v takes %d", ErrKeyLength, len(material), p, p.MaterialLen())
	}
	keys, salts := material[:2*p.keyLen()], material[2*p.keyLen():]
	client, err := NewMaster(p, keys[:p.keyLen()], salts[:p.saltLen()])
	if err != nil {
		return Keys{}, err
	}
	server, err := NewMaster(p, keys[p.keyLen():], salts[p.saltLen():])
	return Keys{Client: client, Server: server}, err
}

// Master is the master key and salt of one direction. However it is printed,
// logged or marshalled, it says no more than its profile.
type Master struct {
	profile Profile
	secret  secret
}

// secret gives a key and its salt, in the lengths of the profile. It is a
// function because package fmt walks through unexported fields of other types
// without asking the methods of what it finds, and even follows pointers when
// the verb does not fit; what a function holds it does not see.
type secret func() (key, salt []byte)

func keep(key, salt []byte) secret {
	return func() ([]byte, []byte) { return key, salt }
}

// NewMaster makes a master from a key and a salt, which it copies. It fails
// with ErrProfile or ErrKeyLength.
func NewMaster(p Profile, key, salt []byte) (Master, error) {
	if !p.Known() {
		return Master{}, fmt.Errorf("%w: %v", ErrProfile, p)
	}
	if len(key) != p.keyLen() || len(salt) != p.saltLen() {
		return Master{}, fmt.Errorf("%w: key of %d and salt of %d bytes, %v takes %d and %d",
			ErrKeyLength, len(key), len(salt), p, p.keyLen(), p.saltLen())
	}
	return Master{p, keep(bytes.Clone(key), bytes.Clone(salt))}, nil
}

// Equal reports whether two masters are the same one. Whoever is given keys anew asks:
// a second Sealer with the same would begin its indices again.
func (m Master) Equal(other Master) bool {
	if m.profile != other.profile || m.secret == nil || other.secret == nil {
		return false
	}
	key, salt := m.secret()
	otherKey, otherSalt := other.secret()
	return subtle.ConstantTimeCompare(key, otherKey)&subtle.ConstantTimeCompare(salt, otherSalt) == 1
}

// Profile gives what the master is for; 0 for the zero Master.
func (m Master) Profile() Profile { return m.profile }

// String says that there is a key and for what, and nothing of it.
func (m Master) String() string { return "srtp.Master(" + m.profile.String() + ")" }

// Format writes String for every verb.
func (m Master) Format(s fmt.State, _ rune) { writeName(s, m) }

// MarshalText gives String to what writes JSON and logs.
func (m Master) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// writeName prints something that holds keys.
func writeName(s fmt.State, name fmt.Stringer) { _, _ = s.Write([]byte(name.String())) }
