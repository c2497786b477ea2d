package journal

import "errors"

var (
	// ErrInUse says that another process has the file open.
	ErrInUse = errors.New("data is in use by another process; stop it or choose another folder")
	// ErrNewerSchema says that a newer program wrote the file.
	ErrNewerSchema = errors.New("data was written by a newer version; use that version or another folder")
	// ErrNotJournal says that the file is something else, or damaged.
	ErrNotJournal = errors.New("file is not a journal of this program; choose another folder")
	// ErrClosed is the answer to entries that were not durable when the
	// journal ended.
	ErrClosed = errors.New("journal is closed")
	// ErrRunning says that Load or Run came after Run or Close.
	ErrRunning = errors.New("journal has been started already")
)
