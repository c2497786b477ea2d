package cryptor

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/sha256"
	"fmt"

	"meshfocus/internal/secret"
)

// Of the format (client-sdk-js src/e2ee/constants.ts and utils.ts).
const (
	salt = "LKFrameEncryptionKey"
	// rounds are those of PBKDF2 for passphrases.
	rounds = 100_000
	// keySize is AES-128.
	keySize = 16
	// ratchetSize is what a ratchet derives: 256 bits.
	ratchetSize = 32
)

// info is what HKDF is told beside the salt: 128 bytes of zero.
const info = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// The sizes of a raw key: what js-sdk makes has 16 bytes, what others make 32.
const (
	MinKey = 16
	MaxKey = 64
)

// Key is a raw key made ready. It does not change, and may be shared.
type Key struct {
	raw    secret.Bytes
	derive func(raw []byte, size int) ([]byte, error)
	phrase bool
	aead   cipher.AEAD
}

// NewKey makes a raw key ready, by HKDF. The error is ErrKeySize.
func NewKey(raw secret.Bytes) (*Key, error) {
	if raw.Len() < MinKey || raw.Len() > MaxKey {
		return nil, ErrKeySize
	}
	return newKey(raw, byHKDF, false)
}

// NewPhraseKey makes a key of a passphrase that all parties share, by PBKDF2.
// It takes tens of milliseconds. No Ring tries what ratchets of it would open.
func NewPhraseKey(phrase secret.Bytes) (*Key, error) {
	if phrase.Len() == 0 {
		return nil, ErrKeySize
	}
	return newKey(phrase, byPBKDF2, true)
}

func newKey(raw secret.Bytes, derive func([]byte, int) ([]byte, error), phrase bool) (*Key, error) {
	derived, err := derive(raw.Reveal(), keySize)
	if err != nil {
		return nil, fmt.Errorf("cryptor: derive a key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("cryptor: AES: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("cryptor: GCM: %w", err)
	}
	return &Key{raw: raw, derive: derive, phrase: phrase, aead: aead}, nil
}

// Ratchet gives the key that follows: 256 bits, derived as the AES key is,
// become the next raw key. There is no way back. It hides the past from who
// comes later, not the future from who was there: its first half is the AES key
// of before, so that who has that has all that follow.
func (k *Key) Ratchet() (*Key, error) {
	raw, err := k.derive(k.raw.Reveal(), ratchetSize)
	if err != nil {
		return nil, fmt.Errorf("cryptor: ratchet: %w", err)
	}
	return newKey(secret.Of(raw), k.derive, k.phrase)
}

// String hides the key.
func (k *Key) String() string { return k.raw.String() }

func byHKDF(raw []byte, size int) ([]byte, error) {
	return hkdf.Key(sha256.New, raw, []byte(salt), info, size)
}

func byPBKDF2(raw []byte, size int) ([]byte, error) {
	return pbkdf2.Key(sha256.New, string(raw), []byte(salt), rounds, size)
}
