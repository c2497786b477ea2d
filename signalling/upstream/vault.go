package upstream

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// vault seals what is written to disk: AES-256-GCM, a random nonce in front of
// the ciphertext, the value's place in the journal as additional data, so that
// a value cannot be moved to another key. 2³² values may be sealed by one key
// (NIST SP 800-38D, 8.3), which are 136 years of one a second.
type vault struct{ sealer cipher.AEAD }

const keySize = 32 // bytes

// openVault reads the key, or makes one if there is none.
func openVault(path string) (*vault, error) {
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKey(path)
	}
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	sealer, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return &vault{sealer}, nil
}

func readKey(path string) ([]byte, error) {
	about, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if about.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s can be read by others (mode %04o); chmod 600 it", ErrKey, path, about.Mode().Perm())
	}
	key, err := os.ReadFile(path)
	if err == nil && len(key) != keySize {
		err = fmt.Errorf("%s has %d bytes; it must have %d", path, len(key), keySize)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return key, nil
}

// makeKey writes a new key and has it on the disk before it is used.
func makeKey(path string) ([]byte, error) {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	_, err = file.Write(key)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return key, nil
}

func (v *vault) seal(place string, plain []byte) []byte {
	nonce := make([]byte, v.sealer.NonceSize(), v.sealer.NonceSize()+len(plain)+v.sealer.Overhead())
	_, _ = rand.Read(nonce)
	return v.sealer.Seal(nonce, nonce, plain, []byte(place))
}

func (v *vault) open(place string, sealed []byte) ([]byte, error) {
	size := v.sealer.NonceSize()
	if len(sealed) < size {
		return nil, fmt.Errorf("%w: a value is cut off", ErrKey)
	}
	plain, err := v.sealer.Open(nil, sealed[:size], sealed[size:], []byte(place))
	if err != nil {
		return nil, fmt.Errorf("%w: it is not the one that sealed the journal; put the old one back, or delete %s with all events that wait", ErrKey, dataFile)
	}
	return plain, nil
}

// hashed stands for a secret where it has to be found again: tokens as cache
// keys, delay IDs and devices as journal keys.
func hashed(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
