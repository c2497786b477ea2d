package lane

import (
	"time"

	"meshfocus/internal/unit"
)

// began is the zero of all lanes' instants, a second before the process knew of
// them, so that none is Never. It is of the process because packets and tracks go
// from lane to lane and carry their instants with them.
var began = time.Now().Add(-time.Second)

// Now reads the clock that lanes share unless Config.Now says otherwise. Whoever
// writes to a local Track takes its instants from here.
func Now() unit.Instant { return unit.Instant(time.Since(began)) }
