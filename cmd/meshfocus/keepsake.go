package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2/maybe"
)

// keepSecret reads 32 secret bytes from a file that is made when it is not
// there. An empty path gives fresh ones each time.
func keepSecret(path string) ([]byte, error) {
	const size = 32
	if path != "" {
		secret, err := os.ReadFile(path)
		if err == nil && len(secret) != size {
			return nil, fmt.Errorf("%s has %d bytes, want %d; remove it and a new one is made", path, len(secret), size)
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return secret, err
		}
	}
	secret := make([]byte, size)
	_, _ = rand.Read(secret) // never fails
	if path == "" {
		return secret, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return secret, maybe.WriteFile(path, secret, 0o600)
}
