package homeserver

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// tokenHash is how an access token is kept: the tokens are 256 random bits, so
// a plain hash is as good as a slow one, and a map lookup by hash tells an
// attacker's clock nothing about the token.
type tokenHash [sha256.Size]byte

// MarshalText writes the hash as hexadecimal digits.
func (h tokenHash) MarshalText() ([]byte, error) {
	return hex.AppendEncode(nil, h[:]), nil
}

// UnmarshalText reads what MarshalText wrote.
func (h *tokenHash) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(h) {
		return fmt.Errorf("token hash has %d digits; it must have %d", len(text), hex.EncodedLen(len(h)))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

func newToken() (token string, hash tokenHash) {
	token = "mfs_" + randomID(32)
	return token, hashToken(token)
}

func hashToken(token string) tokenHash { return sha256.Sum256([]byte(token)) }

// bearer finds the device of a token.
func (m *model) bearer(token string) *device {
	hash := hashToken(token)
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.tokens[hash]
	if d == nil || subtle.ConstantTimeCompare(d.Token[:], hash[:]) != 1 {
		return nil
	}
	return d
}

// sameSecret compares two secrets without telling where they differ.
func sameSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// randomID is n random bytes as unpadded base64url.
func randomID(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}

// newDeviceID is ten upper-case letters, as other homeservers make them.
func newDeviceID() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	b := make([]byte, 10)
	rand.Read(b)
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b)
}

// argon2id with 19 MiB and two passes: the smaller of the two settings that
// the OWASP password storage cheat sheet recommends; about 30 ms here.
const (
	argonTime   = 2
	argonMemory = 19 * 1024 // KiB
	argonLanes  = 1
	argonKey    = 32
	argonSalt   = 16
)

// maxPassword bounds the work of hashing, in bytes.
const maxPassword = 512

// hashPassword returns a PHC string.
func hashPassword(password string) string {
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	sum := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKey)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, argonMemory, argonTime, argonLanes, encode(salt), encode(sum))
}

// checkPassword compares a password with a PHC string. With an empty string,
// which no password matches, it does the same work, so that the answer's time
// does not tell whether an account exists.
func checkPassword(encoded, password string) bool {
	parts := strings.Split(encoded, "$")
	salt, sum := make([]byte, argonSalt), make([]byte, argonKey)
	var version, memory, passes, lanes int
	known := len(parts) == 6 && parts[1] == "argon2id"
	if known {
		_, err1 := fmt.Sscanf(parts[2], "v=%d", &version)
		_, err2 := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes)
		s, err3 := base64.RawStdEncoding.DecodeString(parts[4])
		k, err4 := base64.RawStdEncoding.DecodeString(parts[5])
		known = err1 == nil && err2 == nil && err3 == nil && err4 == nil && version == argon2.Version
		if known {
			salt, sum = s, k
		}
	}
	if !known {
		memory, passes, lanes = argonMemory, argonTime, argonLanes
	}
	got := argon2.IDKey([]byte(password), salt, uint32(passes), uint32(memory), uint8(lanes), uint32(len(sum)))
	return subtle.ConstantTimeCompare(got, sum) == 1 && known
}
