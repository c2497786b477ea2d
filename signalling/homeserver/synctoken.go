package homeserver

import (
	"fmt"
	"strconv"
	"strings"
)

// syncToken is a place in the stream as /sync hands it out: "s" and the
// position, then the positions up to which to-device messages and sticky
// events were delivered, which lag behind when there were too many for one
// answer. The pages of /messages use "t" and the position alone.
type syncToken struct {
	stream, inbox, sticky int64
}

func (t syncToken) String() string { return fmt.Sprintf("s%d_%d_%d", t.stream, t.inbox, t.sticky) }

// parseToken reads either form. Any other text is refused, and the caller
// refuses positions of the future.
func parseToken(text string) (syncToken, *refusal) {
	bad := invalidParam("%.64q is no token of this server", text)
	if rest, page := strings.CutPrefix(text, "t"); page {
		position, err := strconv.ParseInt(rest, 10, 64)
		if err != nil || position < 0 {
			return syncToken{}, bad
		}
		return syncToken{position, position, position}, nil
	}
	parts := strings.Split(strings.TrimPrefix(text, "s"), "_")
	if !strings.HasPrefix(text, "s") || len(parts) != 3 {
		return syncToken{}, bad
	}
	var positions [3]int64
	for i, part := range parts {
		position, err := strconv.ParseInt(part, 10, 64)
		if err != nil || position < 0 {
			return syncToken{}, bad
		}
		positions[i] = position
	}
	return syncToken{positions[0], positions[1], positions[2]}, nil
}

// pageToken is a place between the event at a position and the next one.
func pageToken(position int64) string { return "t" + strconv.FormatInt(position, 10) }
