//go:build !unix

package matrix

import "os"

// lockFile opens the file only; without flock nothing hinders a second
// process.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}
