package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// widthOf gives the columns of a terminal, 80 where it does not say; false for
// anything else, and for one that cannot rub out a line.
func widthOf(file *os.File) (columns int, terminal bool) {
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil || os.Getenv("TERM") == "dumb" {
		return 80, false
	}
	if size.Col == 0 {
		return 80, true
	}
	return int(size.Col), true
}
