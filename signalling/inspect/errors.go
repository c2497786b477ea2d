package inspect

import "errors"

// ErrConfig is returned by New for a Config with which nothing can be checked.
var ErrConfig = errors.New("inspect")
