package link

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Argon2id with 19 MiB and two passes, the smaller of the two settings that
// the OWASP password storage cheat sheet recommends: about 30 ms each.
const (
	passes    = 2
	memoryKiB = 19 * 1024
	lanes     = 1
	keySize   = 32
	saltSize  = 16
)

// hash gives a pass phrase as PHC string.
func (b *Book) hash(phrase string) string {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, lanes,
		encode(salt), encode(b.derive(phrase, salt, passes, memoryKiB, lanes)))
}

// derive waits until few others do.
func (b *Book) derive(phrase string, salt []byte, passes, memoryKiB uint32, lanes uint8) []byte {
	b.hashes <- struct{}{}
	defer func() { <-b.hashes }()
	return argon2.IDKey([]byte(phrase), salt, passes, memoryKiB, lanes, keySize)
}

// verify compares a pass phrase with a PHC string, in a time that does not
// tell where they differ.
func (b *Book) verify(hash, phrase string) bool {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	var memory, times, threads, version int
	_, err1 := fmt.Sscanf(parts[2], "v=%d", &version)
	_, err2 := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &times, &threads)
	salt, err3 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err4 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil || version != argon2.Version ||
		memory < 8 || memory > 1<<20 || times < 1 || times > 100 || threads < 1 || threads > 16 {
		return false
	}
	return subtle.ConstantTimeCompare(b.derive(phrase, salt, uint32(times), uint32(memory), uint8(threads)), want) == 1
}
